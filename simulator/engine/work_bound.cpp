// Lowers chunks of one layer and of two; what a chunk of more takes follows.
#include "simulator/engine/work_bound.h"

#include <algorithm>
#include <array>
#include <optional>
#include <utility>
#include <vector>

#include "simulator/base/hash.h"
#include "simulator/engine/alone.h"
#include "simulator/engine/price.h"
#include "simulator/program/layer_sums.h"
#include "simulator/program/rows.h"
#include "simulator/program/schedule/schedule.h"
#include "simulator/program/stage_graphs.h"
#include "simulator/program/walk.h"
#include "simulator/workload/settle.h"

namespace ds::engine {
namespace {

using program::Instruction;
using program::Kind;
using program::LaneId;
using program::StageInputs;

/// Lanes beside that of computing, where there are such.
constexpr std::int32_t kRing = 1, kExchanges = 2;

struct PassWork {
  double way{};
  std::array<double, 3> lanes{};
};

/// `way`: from the first work that touches what has been received, up to the send.
PassWork work_of(const program::Program& program, const Durations& durations, const program::Template& body) {
  PassWork work;
  std::optional<program::BufferId> received;
  bool begun = false, sent = false;
  const auto needs = [&](const Instruction& one) {
    bool found = false;
    program::for_each_use(program, one, [&](const program::Use& use) {
      found = found || program.view(use.view).buffer == *received;
    });
    return found;
  };
  for (const program::Block& block : body.blocks)
    for (std::int32_t i = block.body.first; i < block.body.first + block.body.count; ++i) {
      const auto id = static_cast<program::InstructionId>(i);
      const Instruction& one = program.instruction(id);
      if (one.kind == Kind::receive)
        program::for_each_use(program, one,
                              [&](const program::Use& use) { received = program.view(use.view).buffer; });
      if (one.kind == Kind::send) sent = true;
      if (program::is_message(one.kind) || one.kind == Kind::copy || one.of_step) continue;
      // Of layers that come in turns the host may be ahead in some: waits for it do not add up.
      if (one.kind == Kind::launches) continue;
      const double seconds = alone(program, durations, 0, id).value * block.times;
      work.lanes[program::index(one.lane)] += seconds;
      if (one.lane != LaneId{0}) continue;
      begun = begun || !received || needs(one);
      if (begun && !sent) work.way += seconds;
    }
  return work;
}

}  // namespace

std::size_t WorkBound::Hash::operator()(const ChunkSeconds::Inputs& inputs) const {
  const program::ChunkInputs& chunk = inputs.stage.chunks.front();
  const graph::StageOptions& graph = chunk.graph;
  return bucket_of(
      {std::int64_t{graph.layers}, graph.batch, graph.ep, graph.etp, graph.cp, std::int64_t{graph.embedding},
       std::int64_t{graph.head}, static_cast<std::int64_t>(chunk.recompute), std::int64_t{inputs.rank},
       std::int64_t{inputs.grid.size(program::Axis::edp)}, std::int64_t{inputs.grid.size(program::Axis::pp)},
       std::int64_t{inputs.stage.micro_batches}});
}

const WorkBound::Work& WorkBound::read(const ChunkSeconds::Inputs& inputs, const cost::Machine& machine) {
  const auto [found, is_new] = known_.try_emplace(inputs);
  if (!is_new) return found->second;
  program::Program program;
  program.grid = inputs.grid;
  program.lanes.resize(1 + kExchanges);
  program::StageLowering lowering(program, {graphs_.of(inputs.stage.chunks.front())}, inputs.stage);
  program::RankClass ranks;
  ranks.first = inputs.rank;
  ranks.phases = {{program::When::always, {}}};
  for (const bool forward : {true, false})
    ranks.phases.front().calls.push_back({lowering.pass({.forward = forward}), {-1, -1}});
  const std::vector<program::Call> calls = ranks.phases.front().calls;
  program.classes = {std::move(ranks)};
  const Durations durations = price(program, machine);
  const PassWork forward = work_of(program, durations, program.body(calls.front()));
  const PassWork backward = work_of(program, durations, program.body(calls.back()));
  const auto of = [&](std::size_t lane) { return forward.lanes[lane] + backward.lanes[lane]; };
  found->second = {of(0), of(kRing), of(kExchanges), forward.way, backward.way};
  return found->second;
}

/// Those of one plan.
class WorkBound::Stages {
 public:
  explicit Stages(WorkBound& all)
      : all_(all),
        job_(all.job_),
        plan_(job_.plan),
        machine_(all.machines_.of(job_)),
        grid_(program::grid_of(plan_, job_.model)),
        per_node_(job_.cluster.groups.front().node.gpus_per_node),
        is_alike_anywhere_(job_.cluster.cpu() ||
                           tensor_groups_lie_alike(plan_, job_.cluster.groups.front().node)),
        directions_(program::directions_of(plan_.schedule)) {
    around_ = around();
    program::Program scratch;
    const program::Lanes lanes = program::make_lanes(scratch, plan_);
    const std::vector<Orders::OfStage>& orders = all.orders_.of(job_);
    splits_ = std::ranges::any_of(orders, [](const Orders::OfStage& stage) {
      return std::ranges::find(stage.splits, true) != stage.splits.end();
    });
    inputs_ = program::stage_inputs(job_, 0, orders.front().splits, lanes);
    // Where a pipeline turns nothing is received, so no shares are gathered.
    if (plan_.turns_back()) inputs_.sends_shares = false;
    ring_ = lanes.context != lanes.compute, exchanges_ = lanes.experts != lanes.compute;
  }

  Seconds bound() {
    const double own = static_cast<double>(job_.micro_batches() / directions_);
    std::vector<Work> first, last;  // chunks, by stage
    std::vector<double> busiest;    // lane, likewise
    for (std::int64_t s = 0; s < plan_.pp; ++s) {
      Work all;
      for (std::int64_t c = 0; c < plan_.chunks() * directions_; ++c) {
        const Work one = of_chunk(s, c);
        if (c == 0) first.push_back(one);
        all.add(one, 1);
        if (c + 1 == plan_.chunks() * directions_) last.push_back(one);
      }
      busiest.push_back(own * std::max({all.passes, all.ring, all.exchanges}));
    }
    // A stage begins once a message can be there, of the pipeline that runs the other way perhaps.
    double from_first = 0, from_last = 0, back = 0, most = 0;
    if (directions_ > 1)
      for (const Work& one : last) from_last += one.ahead;
    for (std::size_t s = 0; s < busiest.size(); ++s) {
      from_last -= last[s].ahead;
      const double before = directions_ > 1 ? std::min(from_first, std::max(from_last, 0.0)) : from_first;
      most = std::max(most, before + busiest[s] + back);
      from_first += first[s].ahead;
      if (directions_ == 1 && !splits_) back += first[s].back;
    }
    return {most};
  }

 private:
  /// The smallest grid in which the groups that chunks know have around them what they have in the plan's. Behind a stage there
  /// are other stages, whatever it does.
  program::Grid around() const {
    if (job_.cluster.cpu() || plan_.placement != workload::Plan{}.placement) return grid_;
    if (plan_.ep == 1 && plan_.cp == 1) return around_tensor_group(plan_, job_.model, per_node_);
    workload::Plan few = plan_;
    few.pp = std::min<std::int64_t>(plan_.pp, 3);
    return program::grid_of(few, job_.model);
  }

  /// A chunk of the plan: where it is, and its layers.
  struct Known {
    std::int32_t offset{};  // of its first rank in its node
    bool embedding{}, head{};
    std::int64_t layers{};
    Work work;
  };

  Work of_chunk(std::int64_t s, std::int64_t c) {
    const std::int64_t place = program::place_of(plan_, s, c);
    const std::int32_t rank = grid_.rank_at({.pp = static_cast<std::int32_t>(s)});
    Known chunk{.offset = is_alike_anywhere_ ? 0 : static_cast<std::int32_t>(rank % per_node_),
                .embedding = place == 0,
                .head = place + 1 == plan_.pp * plan_.chunks(),
                .layers = program::layers_at(plan_, place)};
    if (inputs_.chunks.front().graph.kinds.empty())
      for (const Known& known : known_)
        if (known.offset == chunk.offset && known.embedding == chunk.embedding && known.head == chunk.head &&
            known.layers == chunk.layers)
          return known.work;
    chunk.work = make(s, c, chunk.offset == 0 ? 0 : rank);
    known_.push_back(chunk);
    return known_.back().work;
  }

  Work make(std::int64_t s, std::int64_t c, std::int32_t rank) {
    inputs_.chunks.front().graph = program::chunk_options(job_, s, c);
    inputs_.chunks.front().splits_backward = false;
    ChunkSeconds::Inputs key{ChunkSeconds::of_passes(inputs_, 0), rank == 0 ? around_ : grid_, rank,
                             machine_.number};
    key.stage.lanes = {.context = LaneId{ring_ ? kRing : 0}, .experts = LaneId{exchanges_ ? kExchanges : 0}};
    graph::StageOptions& graph = key.stage.chunks.front().graph;
    graph.layers = inputs_.chunks.front().graph.layers;
    return program::sum_over_layers<Work>(graph, [&](const graph::StageOptions& options) -> const Work& {
      key.stage.chunks.front().graph = options;
      return all_.read(key, *machine_.machine);
    });
  }

  WorkBound& all_;
  const workload::Job& job_;
  const workload::Plan& plan_;
  Machines::Numbered machine_;
  program::Grid grid_, around_;
  std::int64_t per_node_;
  bool is_alike_anywhere_;  // whatever place of a node a stage begins in
  std::int32_t directions_;
  StageInputs inputs_;
  bool splits_{};              // some backwards are in two parts
  bool ring_{}, exchanges_{};  // have lanes of their own
  std::vector<Known> known_;
};

Seconds WorkBound::of(const workload::Plan& plan) {
  job_.plan = plan;
  workload::settle(job_);
  return Stages(*this).bound();
}

}  // namespace ds::engine
