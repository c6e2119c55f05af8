// Finds the kinds of a plan's stages, and lowers those that are new.
#include "simulator/engine/plan_stages.h"

#include <algorithm>
#include <array>

#include "simulator/engine/price.h"
#include "simulator/program/schedule/schedule.h"
#include "simulator/workload/layer_kinds.h"
#include "simulator/workload/settle.h"

namespace ds::engine {

using program::PassKind;
using program::StageInputs;
using workload::Job;

StepOrder Orders::step_order(const Job& job) {
  const workload::Plan& plan = job.plan;
  return {.schedule = plan.order(),
          .stages = static_cast<std::int32_t>(plan.pp),
          .chunks = static_cast<std::int32_t>(plan.chunks()),
          .micro_batches = static_cast<std::int32_t>(job.micro_batches()),
          .reduces_early = plan.overlap.grad_reduce && plan.dp * plan.cp > 1,
          .first_forwards_apart = program::quantises_once(job)};
}

const std::vector<Orders::OfStage>& Orders::of(const Job& job) {
  // As few micro-batches as have all kinds of passes.
  constexpr std::int32_t kAround = 6;
  StepOrder order = step_order(job);
  const std::int32_t enough = program::directions_of(order.schedule) * order.stages + kAround;
  order.micro_batches =
      program::shortened(order.schedule, order.stages, order.chunks, order.micro_batches, enough);
  return known_.of(order, [&] { return make(order); }).stages;
}

namespace {

PassList passes_of(const std::vector<program::PassCall>& calls) {
  PassList list;
  for (const program::PassCall& call : calls) {
    const auto found = std::ranges::find(list.kinds, call.kind);
    const auto kind = static_cast<std::int32_t>(found - list.kinds.begin());
    if (found == list.kinds.end()) list.kinds.push_back(call.kind);
    if (call.is_first_forward) list.first_forwards.push_back(kind);
    if (call.is_last_backward) list.last_backwards.push_back(kind);
  }
  return list;
}

}  // namespace

Orders::OfPlan Orders::make(const StepOrder& step) {
  const std::int32_t directions = program::directions_of(step.schedule), chunks = step.chunks * directions;
  OfPlan result;
  for (std::int32_t stage = 0; stage < step.stages; ++stage) {
    const std::vector<program::ScheduledPass> order =
        program::order_of(step.schedule, step.stages, stage, step.micro_batches, step.chunks);
    PassList passes = passes_of(program::calls_of(order, step.micro_batches / directions, step.reduces_early,
                                                  step.first_forwards_apart));
    OfStage& of_stage = result.stages.emplace_back();
    for (const auto& list : result.lists)
      if (*list == passes) of_stage.passes = list.get();
    if (of_stage.passes == nullptr) {
      result.lists.push_back(std::make_unique<PassList>(std::move(passes)));
      of_stage.passes = result.lists.back().get();
    }
    of_stage.splits = program::splits_backward(order, chunks);
  }
  return result;
}

const Orders::Calls& Orders::calls(const Job& job) {
  const StepOrder step = step_order(job);
  const std::vector<OfStage>& stages = of(job);
  return calls_.of(step, [&] {
    Calls result;
    for (std::int32_t stage = 0; stage < step.stages; ++stage) {
      const std::vector<PassKind>& kinds = stages[static_cast<std::size_t>(stage)].passes->kinds;
      std::vector<std::int32_t>& counts = result.emplace_back(kinds.size(), 0);
      const std::vector<program::ScheduledPass> order =
          program::order_of(step.schedule, step.stages, stage, step.micro_batches, step.chunks);
      for (const program::PassCall& call :
           program::calls_of(order, step.micro_batches / program::directions_of(step.schedule),
                             step.reduces_early, step.first_forwards_apart))
        ++counts[static_cast<std::size_t>(std::ranges::find(kinds, call.kind) - kinds.begin())];
    }
    return result;
  });
}

program::Grid around_tensor_group(const workload::Plan& plan, const workload::Model& model,
                                  std::int64_t per_node) {
  if (plan.placement != workload::Plan{}.placement) return program::grid_of(plan, model);
  workload::Plan around = plan;
  around.pp = std::min<std::int64_t>(plan.pp, 3);
  const bool fills_nodes =
      plan.tp * plan.dp % per_node == 0 && (plan.tp % per_node == 0 || per_node % plan.tp == 0);
  if (fills_nodes) around.dp = std::min(plan.dp, std::max<std::int64_t>(2, per_node / plan.tp));
  if (plan.tp == 1) around.dp = 1;
  around.zero_group = around.dp;
  return program::grid_of(around, model);
}

bool tensor_groups_lie_alike(const workload::Plan& plan, const workload::Node& node) {
  if (plan.ep * plan.cp > 1 || plan.placement != workload::Plan{}.placement) return false;
  const std::int64_t together = node.gpus_per_node / node.intra.sockets;
  return plan.tp == 1 || (node.gpus_per_node % (plan.tp * plan.dp) == 0 &&
                          (together % plan.tp == 0 || plan.tp % together == 0));
}

/// One plan that is looked up.
class StageKinds::Plan {
 public:
  explicit Plan(StageKinds& kinds)
      : kinds_(kinds),
        job_(kinds.job_),
        plan_(job_.plan),
        cpu_(job_.cluster.cpu()),
        per_node_(job_.cluster.groups.front().node.gpus_per_node),
        machine_(kinds.machines_.of(job_)),
        grid_(program::grid_of(plan_, job_.model)),
        tensor_groups_lie_alike_(tensor_groups_lie_alike(plan_, job_.cluster.groups.front().node)),
        around_(cpu_ || plan_.ep * plan_.cp > 1 ? grid_ : around_tensor_group(plan_, job_.model, per_node_)),
        directions_(program::directions_of(plan_.schedule)),
        layers_differ_(!workload::layers_are_alike(job_.model, job_.train.sequence_length) ||
                       plan_.recompute == workload::Recompute::layers),
        orders_(kinds.orders_.of(job_)) {
    program::Program scratch;
    lanes_ = program::make_lanes(scratch, plan_);
  }

  PlanStages take() {
    result_.machine = machine_.machine;
    result_.loss_sum = loss_sum();
    for (std::int64_t s = 0; s < plan_.pp; ++s) result_.stages.push_back({.kind = kind_of(s)});
    add_links();
    return std::move(result_);
  }

 private:
  /// What tells stages of a plan apart.
  struct Key {
    const std::vector<std::int64_t>* layers{};
    const Orders::OfStage* order{};
    std::int64_t own{};     // of a stage that is like no other, its number; else -1
    std::int32_t offset{};  // of its first rank in its node
  };

  std::int32_t kind_of(std::int64_t s) {
    const auto i = static_cast<std::size_t>(s);
    const std::int32_t rank = rank_of(s);
    const bool alone = s == 0 || s + 1 == plan_.pp || directions_ > 1 || layers_differ_;
    const Key key{&plan_.stage_layers[i], &orders_[i], alone ? s : -1,
                  cpu_ ? 0 : static_cast<std::int32_t>(rank % per_node_)};
    for (std::size_t k = keys_.size(); k-- > 0;) {
      const Key& known = keys_[k];
      if (known.own == key.own && known.offset == key.offset && known.order->passes == key.order->passes &&
          *known.layers == *key.layers && known.order->splits == key.order->splits)
        return static_cast<std::int32_t>(k);
    }
    keys_.push_back(key);
    result_.kinds.push_back(make(s, key.offset == 0 ? like(rank) : rank));
    return static_cast<std::int32_t>(keys_.size()) - 1;
  }

  /// A rank to whom everything is as far as to this one, which is the first one in its node. That is any, but for the rank at the
  /// mirrored place, which the other pipeline has: how far that is shows in what small and large sums over the two take.
  std::int32_t like(std::int32_t rank) {
    if (directions_ == 1) return 0;
    program::Program scratch;
    scratch.grid = grid_;
    program::RankClass ranks;
    ranks.first = rank;
    std::array<double, 4> far{};
    std::int64_t bytes = std::int64_t{1} << 10;
    for (double& seconds : far) {
      const program::Instruction sum{
          .kind = program::Kind::collective,
          .comm = {.what = collective::Collective::all_reduce,
                   .group = program::kMirrors,
                   .bytes = {.bound = {bytes}, .expected_bytes = static_cast<double>(bytes)}}};
      seconds = machine_.machine->time(communication_of(scratch, ranks, sum)).seconds.value;
      bytes <<= 7;
    }
    const auto found = std::ranges::find(mirrors_, far, [](const auto& one) { return one.first; });
    if (found != mirrors_.end()) return found->second;
    mirrors_.emplace_back(far, rank);
    return rank;
  }

  std::int32_t rank_of(std::int64_t stage) const {
    return grid_.rank_at({.pp = static_cast<std::int32_t>(stage)});
  }

  PlanStages::Kind make(std::int64_t s, std::int32_t rank) {
    const Orders::OfStage& order = orders_[static_cast<std::size_t>(s)];
    const StageInputs inputs = program::stage_inputs(job_, s, order.splits, lanes_);
    PlanStages::Kind kind;
    result_.waits_for_launches = result_.waits_for_launches || inputs.waits_for_launches;
    StageTemplates::Chunks chunks;
    if (PassTemplates::by_chunk(inputs))
      for (std::size_t chunk = 0; chunk < inputs.chunks.size(); ++chunk)
        chunks.push_back(&passes_of(inputs, chunk));
    const StageTemplates& templates = add_outline(inputs, chunks, *order.passes, rank, kind);
    kind.passes.resize(kind.outline->templates().size());
    const std::vector<PassKind>& all = order.passes->kinds;
    for (std::size_t chunk = 0; chunk < chunks.size(); ++chunk) {
      std::vector<PassKind> own;
      std::vector<std::size_t> places;  // of these, among all
      for (std::size_t t = 0; t < all.size(); ++t)
        if (static_cast<std::size_t>(all[t].chunk) == chunk) own.push_back(all[t]), places.push_back(t);
      const std::vector<const PassSeconds*> seconds = chunk_of(inputs, chunk, rank).of(own);
      for (std::size_t i = 0; i < places.size(); ++i)
        kind.passes[places[i]] = {seconds[i], templates.once(own[i]), inputs.chunks[chunk].graph.layers};
    }
    return kind;
  }

  PassTemplates& passes_of(const StageInputs& inputs, std::size_t chunk) {
    const auto [found, is_new] = kinds_.passes_.try_emplace(PassTemplates::of_chunk(inputs, chunk));
    if (is_new) found->second = std::make_unique<PassTemplates>(found->first, plan_, kinds_.graphs_, nullptr);
    return *found->second;
  }

  const StageTemplates& add_outline(const StageInputs& inputs, const StageTemplates::Chunks& chunks,
                                    const PassList& passes, std::int32_t rank, PlanStages::Kind& kind) {
    StageTemplates::Inputs key{StageTemplates::of_stage(inputs), grid_, rank, machine_.number};
    const auto [found, is_new] = kinds_.templates_.try_emplace(std::move(key));
    if (is_new) {
      found->second =
          std::make_unique<StageTemplates>(found->first, plan_, kinds_.graphs_, *machine_.machine, chunks);
    }
    StageTemplates& templates = *found->second;
    kind.outline = templates.known(chunks, passes);
    if (kind.outline != nullptr) return templates;
    StageOutline& outline = templates.add(chunks, passes);
    for (const TemplateOutline& body : outline.templates()) kinds_.remembered_ += body.items.size();
    kinds_.remembered_ += outline.local().size();
    std::vector<std::int32_t> shape = outline.make_shape();
    outline.set_shape(&kinds_.shapes_.of(shape, [&] { return std::move(shape); }));
    kind.outline = &outline;
    return templates;
  }

  ChunkSeconds& chunk_of(const StageInputs& inputs, std::size_t chunk, std::int32_t rank) {
    if (tensor_groups_lie_alike_) rank = 0;
    StageInputs passes = ChunkSeconds::of_passes(inputs, chunk);
    for (const auto& [known, seconds] : chunks_)
      if (known.first == rank && known.second == passes.chunks.front()) return *seconds;
    ChunkSeconds::Inputs key{std::move(passes), rank == 0 ? around_ : grid_, rank, machine_.number};
    const auto [found, is_new] = kinds_.chunks_.try_emplace(std::move(key));
    const program::ChunkInputs& own = found->first.stage.chunks.front();
    if (is_new)
      found->second = std::make_unique<ChunkSeconds>(found->first, kinds_.graphs_, *machine_.machine);
    chunks_.push_back({{rank, own}, found->second.get()});
    return *found->second;
  }

  double loss_sum() const {
    const ops::LossSum sum{.micro_batches = static_cast<std::int32_t>(job_.micro_batches()) / directions_,
                           .copies = plan_.tp};
    const bool fp64 = plan_.precision == workload::Precision::fp64;
    return machine_.machine
        ->time({.what = sum, .pass = ops::Pass::update, .type = fp64 ? DataType::fp64 : DataType::fp32})
        .seconds.value;
  }

  /// Links that are alike, being as far and from the same place in a node, are one.
  void add_links() {
    const program::Grid::Strides strides = grid_.strides(program::kPipeline, 0);
    for (const program::Extent& one : strides.siblings)
      result_.message.siblings.push_back({one.count, one.stride});
    std::ranges::sort(result_.message.siblings, {}, &network::Extent::stride);
    const auto count = static_cast<std::int64_t>(result_.stages.size());
    const auto link = [&](std::int64_t from, std::int64_t to) {
      const PlanStages::Link one{rank_of((from + count) % count), rank_of((to + count) % count)};
      const auto alike = [&](const PlanStages::Link& other) {
        return other.to - other.from == one.to - one.from &&
               (cpu_ || other.from % per_node_ == one.from % per_node_);
      };
      const auto found = std::ranges::find_if(result_.links, alike);
      if (found != result_.links.end()) return static_cast<std::int32_t>(found - result_.links.begin());
      result_.links.push_back(one);
      return static_cast<std::int32_t>(result_.links.size()) - 1;
    };
    for (std::int64_t s = 0; s < count; ++s) {
      PlanStages::Stage& stage = result_.stages[static_cast<std::size_t>(s)];
      stage.to_next = link(s, s + 1);
      stage.to_previous = link(s, s - 1);
      stage.from_next = link(s + 1, s);
      stage.from_previous = link(s - 1, s);
    }
  }

  StageKinds& kinds_;
  const Job& job_;
  const workload::Plan& plan_;
  bool cpu_;
  std::int64_t per_node_;
  Machines::Numbered machine_;
  program::Grid grid_;
  bool tensor_groups_lie_alike_;
  program::Grid around_;
  std::int32_t directions_;
  bool layers_differ_;
  const std::vector<Orders::OfStage>& orders_;
  program::Lanes lanes_;
  std::vector<Key> keys_;                                                // by kind
  std::vector<std::pair<std::array<double, 4>, std::int32_t>> mirrors_;  // of each distance a rank
  std::vector<std::pair<std::pair<std::int32_t, program::ChunkInputs>, ChunkSeconds*>> chunks_;
  PlanStages result_;
};

void StageKinds::forget_lowered() {
  for (const auto& [inputs, passes] : passes_) passes->forget();
}

PlanStages StageKinds::of(const workload::Plan& plan) {
  job_.plan = plan;
  workload::settle(job_);
  return Plan(*this).take();
}

}  // namespace ds::engine
