// Goes through the templates of a stage and notes where other lanes and other classes come in.
#include "simulator/engine/pass_templates.h"

#include <algorithm>

#include "simulator/base/error.h"
#include "simulator/engine/alone.h"
#include "simulator/program/rows.h"

namespace ds::engine {
namespace {

using program::index;
using program::Instruction;
using program::Kind;
using program::PassKind;
using What = OutlineItem::What;

constexpr std::uint32_t kForward = 1, kInputs = 2, kWeights = 4, kOther = 8;
std::uint32_t legs_of(const PassKind& kind) {
  std::uint32_t legs = kind.forward ? kForward : 0;
  if (kind.forward && kind.merged_with < 0) return legs;
  if (kind.gradients != program::Gradients::weights) legs |= kInputs;
  if (kind.gradients != program::Gradients::inputs) legs |= kWeights;
  return legs;
}

/// Whether every pass gathers weights, or reduces its gradients into shards.
bool shards_in_passes(const program::StageInputs& stage) {
  return stage.gathers_weights() || stage.sharding.gradients;
}

/// Goes through one template.
class Reader {
 public:
  Reader(const LoweredStage& stage, const BufferUsers& users, ShownBuffers& shown, const Durations* durations,
         std::uint32_t legs)
      : users_(users),
        shown_(shown),
        stage_(stage),
        program_(stage.program),
        durations_(durations),
        legs_(legs),
        lanes_(program_.lanes.size()) {
    for (std::size_t lane = 0; lane < lanes_.size(); ++lane)
      lanes_[lane].now.lane = lanes_[lane].begun.lane = static_cast<std::int32_t>(lane);
  }

  ReadTemplate read(const program::Template& body) {
    all_layers_ = std::ranges::any_of(body.blocks,
                                      [&](const program::Block& block) { return is_looked_through(block); });
    shared_seen_ =
        touches_of(program_, users_.shared, body, all_layers_ ? Iterations::all : Iterations::ends);
    local_seen_ = touches_of(program_, users_.local, body, Iterations::ends);
    for (const program::Block& block : body.blocks) {
      const bool any = std::ranges::any_of(program_.instructions_of(block),
                                           [&](const Instruction& one) { return is_looked_at(one); });
      if (any)
        go_through(block);
      else
        pass_over(block, block.times);
      end_block(block);
    }
    for (std::size_t lane = 0; lane < lanes_.size(); ++lane) close(lane);
    for (LocalPlace& place : places_)
      if (place.compute) place.item.item = item_at(place.item.from.position, place.item.to.position);
    return {std::move(outline_), std::move(places_)};
  }

 private:
  struct LaneState {
    Boundary begun, now;  // `begun`: of the work since the last item
    std::vector<SharedUse> begins, ends;
  };

  /// Whether classes meet in it.
  bool meets(const Instruction& one) const {
    if (program::is_message(one.kind)) return true;
    return one.kind == Kind::collective && one.comm.group.has(program::Axis::pp) &&
           program_.grid.size(program::Axis::pp) > 1;
  }
  bool is_shown(std::size_t lane) const { return (users_.shown >> lane & 1) != 0; }
  /// Where lanes take turns within layers, each of these counts.
  bool is_looked_through(const program::Block& block) const {
    return std::ranges::any_of(program_.instructions_of(block), [&](const Instruction& one) {
      return meets(one) || is_shown(index(one.lane));
    });
  }
  bool is_looked_at(const Instruction& one) const {
    return meets(one) || is_shown(index(one.lane)) || watches(program_, users_.shared, one) ||
           watches(program_, users_.local, one);
  }

  void go_through(const program::Block& block) {
    const LeftOut middle = all_layers_ ? LeftOut{block.times, block.times} : left_out(block.times);
    for (std::int32_t k = 0; k < block.times; ++k) {
      if (k == middle.begin) {
        pass_over(block, middle.end - middle.begin);
        k = middle.end;
      }
      for (std::int32_t i = block.body.first; i < block.body.first + block.body.count; ++i)
        look(static_cast<program::InstructionId>(i), block.first + k);
      end_iterations(block, 1);
    }
  }

  static const Touch* next_of(const std::vector<Touch>& list, std::size_t& next, program::InstructionId id,
                              std::int32_t iteration) {
    const bool is = next < list.size() && list[next].id == id && list[next].iteration == iteration;
    return is ? &list[next++] : nullptr;
  }

  void look(program::InstructionId id, std::int32_t iteration) {
    const Instruction& one = program_.instruction(id);
    const std::size_t lane = index(one.lane);
    const Touch* const shared = next_of(shared_seen_, next_shared_, id, iteration);
    const bool is_local = next_of(local_seen_, next_local_, id, iteration) != nullptr;
    const bool meeting = meets(one);
    LaneState& state = lanes_[lane];
    std::vector<SharedUse> begins;
    if (shared != nullptr) add_uses(one, iteration, shared->begins, Only::that_wait, begins);
    if (meeting || !begins.empty() || (is_local && lane != 0)) close(lane);
    const Boundary before = state.now;
    state.begins.insert(state.begins.end(), begins.begin(), begins.end());
    go_on(one, id, 1);
    if (is_local) add_place(one, iteration, before);
    if (shared != nullptr) add_uses(one, iteration, shared->ends, Only::all, state.ends);
    if (meeting || (shared != nullptr && !shared->ends.empty())) close(lane, item_of(one, meeting));
  }

  enum class Only : std::uint8_t { all, that_wait };
  void add_uses(const Instruction& one, std::int32_t iteration, const std::vector<std::int32_t>& which,
                Only only, std::vector<SharedUse>& list) {
    std::int32_t number = 0;
    program::for_each_use(program_, one, [&](const program::Use& use) {
      if (std::ranges::find(which, number++) == which.end()) return;
      const program::Copy copy = program::locate(program_, program_.view(use.view), iteration);
      const bool reads = kind_of(use, one.lane, users_.shared[index(copy.buffer)]) == UseKind::reads;
      if (only == Only::that_wait && reads && has_waited(one, use, copy)) return;
      list.push_back({shown_.number_of(copy, stage_.lowering), use.instance, reads});
    });
  }

  bool has_waited(const Instruction& one, const program::Use& use, const program::Copy& copy) const {
    const BufferUsers::UsedIn& used = users_.used_in[index(copy.buffer)];
    return one.lane == program::LaneId{0} && use.instance == program::kMicro0 &&
           (used.written & legs_) == 0 && (used.written & ~used.here) == 0;
  }

  static OutlineItem item_of(const Instruction& one, bool meeting) {
    OutlineItem item{.lane = static_cast<std::int32_t>(one.lane)};
    if (!meeting) return item;
    item.group = one.comm.group;
    item.what = one.kind == Kind::send      ? What::sent
                : one.kind == Kind::receive ? What::received
                                            : What::collective;
    item.shift = item.what == What::received ? -one.comm.shift : one.comm.shift;
    return item;
  }

  void add_place(const Instruction& one, std::int32_t iteration, const Boundary& before) {
    const std::size_t lane = index(one.lane);
    LocalPlace place{
        .item = {.from = before, .to = lanes_[lane].now, .waits = {}}, .compute = lane == 0, .uses = {}};
    program::for_each_use(program_, one, [&](const program::Use& use) {
      const program::Copy copy = program::locate(program_, program_.view(use.view), iteration);
      const UseKind kind = kind_of(use, one.lane, users_.local[index(copy.buffer)]);
      if (kind != UseKind::none)
        place.uses.push_back({{index(copy.buffer), copy.number}, kind == UseKind::reads});
    });
    if (lane != 0) lanes_[lane].begun = lanes_[lane].now;
    places_.push_back(std::move(place));
  }

  /// The work of a lane since its last item becomes one; on a lane of the class's own, one without uses.
  void close(std::size_t lane) { close(lane, {.lane = static_cast<std::int32_t>(lane)}); }
  void close(std::size_t lane, OutlineItem item) {
    LaneState& state = lanes_[lane];
    if (lane != 0 && item.what == What::work && is_shown(lane)) {
      if (state.begun.position == state.now.position && state.begins.empty() && state.ends.empty()) return;
    }
    if (lane != 0 && item.what == What::work && !is_shown(lane)) {
      if (state.begun.position < state.now.position)
        places_.push_back(
            {.item = {.from = state.begun, .to = state.now, .waits = {}}, .compute = false, .uses = {}});
    } else {
      item.from = state.begun;
      item.to = state.now;
      item.first_use = static_cast<std::int32_t>(outline_.uses.size());
      item.begins = static_cast<std::int32_t>(state.begins.size());
      item.ends = static_cast<std::int32_t>(state.ends.size());
      for (std::vector<SharedUse>* const list : {&state.begins, &state.ends}) {
        outline_.uses.insert(outline_.uses.end(), list->begin(), list->end());
        list->clear();
      }
      outline_.items.push_back(item);
    }
    state.begun = state.now;
  }

  std::int32_t item_at(std::int32_t begin, std::int32_t end) const {
    const auto found = std::ranges::find_if(outline_.items, [&](const OutlineItem& item) {
      return item.lane == 0 && item.from.position <= begin && end <= item.to.position;
    });
    return static_cast<std::int32_t>(found - outline_.items.begin());
  }

  void go_on(const Instruction& one, program::InstructionId id, std::int32_t times) {
    LaneState& lane = lanes_[index(one.lane)];
    lane.now.position += times;
    if (one.kind == Kind::send) outline_.sent = one.comm.bytes.bound;
    if (one.kind == Kind::receive) outline_.received = one.comm.bytes.bound;
    if (program::is_message(one.kind)) return;
    if (is_loss_sum(one))
      lane.now.losses = true;
    else if (durations_ != nullptr)
      lane.now.seconds += alone(program_, *durations_, 0, id).value * times;
    else
      ++(program::is_own_work(one) ? lane.now.own : lane.now.of_step).index;
  }

  bool is_loss_sum(const Instruction& one) const {
    return one.kind == Kind::compute && one.operators.count == 1 &&
           std::holds_alternative<ops::LossSum>(program_.op(program_.operators_of(one).front().op).what);
  }

  /// So many iterations in which nobody looks.
  void pass_over(const program::Block& block, std::int32_t times) {
    for (std::int32_t i = block.body.first; i < block.body.first + block.body.count; ++i) {
      const auto id = static_cast<program::InstructionId>(i);
      go_on(program_.instruction(id), id, times);
    }
    end_iterations(block, times);
  }

  /// What counts blocks, iterations and instructions of work that a lane has in the block.
  template <class Fn>
  void for_each_place(const program::Block& block, Fn&& fn) {
    if (durations_ != nullptr) return;
    std::uint32_t seen = 0;
    for (const Instruction& one : program_.instructions_of(block)) {
      if (program::is_message(one.kind)) continue;
      const bool own = program::is_own_work(one);
      const std::uint32_t bit = own ? 1U << 31U : 1U << index(one.lane);
      if ((std::exchange(seen, seen | bit) & bit) != 0) continue;
      Boundary& now = lanes_[index(one.lane)].now;
      fn(own ? now.own : now.of_step);
    }
  }
  void end_iterations(const program::Block& block, std::int32_t times) {
    for_each_place(block, [&](PassSeconds::Place& place) {
      place.iteration += times;
      place.index = 0;
    });
  }
  void end_block(const program::Block& block) {
    for_each_place(block, [](PassSeconds::Place& place) { place = {.block = place.block + 1}; });
  }

  const BufferUsers& users_;
  ShownBuffers& shown_;
  const LoweredStage& stage_;
  const program::Program& program_;
  const Durations* durations_;
  std::uint32_t legs_;
  bool all_layers_{};  // of the template are gone through, as by those who have seen its touches
  std::vector<LaneState> lanes_;
  TemplateOutline outline_;
  std::vector<LocalPlace> places_;
  std::vector<Touch> shared_seen_, local_seen_;
  std::size_t next_shared_{}, next_local_{};
};

}  // namespace

ReadTemplate read_template(const LoweredStage& stage, const BufferUsers& users, ShownBuffers& shown,
                           program::TemplateId id, const Durations* durations, std::uint32_t legs) {
  return Reader(stage, users, shown, durations, legs).read(stage.program.templates[index(id)]);
}

bool PassTemplates::by_chunk(const program::StageInputs& stage) {
  const bool beside =
      stage.lanes.context != stage.lanes.compute || stage.lanes.experts != stage.lanes.compute;
  return stage.directions == 1 && !beside && !shards_in_passes(stage) &&
         std::ranges::all_of(stage.chunks,
                             [](const program::ChunkInputs& chunk) { return chunk.graph.kinds.empty(); });
}

program::StageInputs PassTemplates::of_chunk(const program::StageInputs& stage, std::size_t chunk) {
  program::StageInputs part = stage;
  part.chunks = {stage.chunks[chunk]};
  graph::StageOptions& graph = part.chunks.front().graph;
  graph.layers = layers_looked_at(graph.layers);
  graph.batch = 1;
  graph.loss_scale = 1;
  part.micro_batches = graph.head ? 1 : 0;
  part.stages = std::min(stage.stages, 2);
  if (part.sharding.shards == 1) part.data_ranks = std::min<std::int64_t>(part.data_ranks, 2);
  if (!graph.head && !graph.embedding) part.tied_across = false, part.counts_tied = true;
  return part;
}

PassTemplates::PassTemplates(program::StageInputs stage, const workload::Plan& plan,
                             program::ChunkGraphs& graphs, const Pricing* pricing)
    : inputs_(std::move(stage)), plan_(plan), graphs_(graphs) {
  if (pricing != nullptr) pricing_ = *pricing;
  LoweredStage& lowered = this->lowered();
  const program::Program& program = lowered.program;
  const auto show = [&](std::size_t lane) { users_.shown |= lane == 0 ? 0 : std::uint32_t{1} << lane; };
  for (std::size_t lane = 0; lane < program.lanes.size(); ++lane)
    if (program.lanes[lane].group.has(program::Axis::pp)) show(lane);
  const program::Lanes& lanes = inputs_.lanes;
  for (const program::LaneId lane : {lanes.context, lanes.experts}) show(index(lane));
  if (shards_in_passes(inputs_))
    for (const program::LaneId lane : {lanes.reduce, lanes.gather, lanes.to_host, lanes.from_host})
      show(index(lane));
  users_.shared = users_of_buffers(program, note_all_uses(lowered));
  users_.local.resize(users_.shared.size());
  for (std::size_t b = 0; b < users_.shared.size(); ++b)
    if ((users_.shared[b].all() & users_.shown) == 0) std::swap(users_.shared[b], users_.local[b]);
  bucket_buffers_ = lowered.lowering.bucket_buffers(0).count;
}

LoweredStage& PassTemplates::lowered() {
  using enum program::StageLowering::Extent;
  if (!lowered_) lowered_ = std::make_unique<LoweredStage>(inputs_, plan_, graphs_, all);
  return *lowered_;
}

/// What a buffer is used for does not depend on which passes a step has.
std::vector<program::TemplateId> PassTemplates::note_all_uses(LoweredStage& stage) {
  std::vector<program::TemplateId> templates;
  const bool early = inputs_.reduces_early();
  for (std::int32_t c = 0; c < std::ssize(inputs_.chunks); ++c) {
    using program::Gradients;
    std::vector<PassKind> kinds{{.chunk = c, .forward = true}};
    if (inputs_.quantises_once()) kinds.push_back({.chunk = c, .forward = true, .role = {.first = true}});
    const program::GradientRole last{.last = early};
    if (inputs_.chunks[static_cast<std::size_t>(c)].splits_backward) {
      kinds.push_back({.chunk = c, .gradients = Gradients::inputs});
      kinds.push_back({.chunk = c, .gradients = Gradients::weights, .role = last});
    } else {
      kinds.push_back({.chunk = c, .gradients = Gradients::all, .role = last});
    }
    for (const PassKind& kind : kinds) {
      templates.push_back(stage.lowering.pass(kind));
      note_uses(stage.program, templates.back(), legs_of(kind));
    }
  }
  for (const program::TemplateId id : {stage.lowering.finish(), stage.lowering.update()}) {
    templates.push_back(id);
    note_uses(stage.program, id, kOther);
  }
  return templates;
}

void PassTemplates::note_uses(const program::Program& program, program::TemplateId id, std::uint32_t legs) {
  users_.used_in.resize(program.buffers.size());
  for (const program::Block& block : program.templates[index(id)].blocks)
    for (const Instruction& one : program.instructions_of(block))
      program::for_each_use(program, one, [&](const program::Use& use) {
        const bool writes = use.access != program::Access::read;
        for (program::BufferId b = program.view(use.view).buffer;;
             b = static_cast<program::BufferId>(index(b) + 1)) {
          if (one.lane == program::LaneId{0}) users_.used_in[index(b)].here |= legs;
          if (one.lane != program::LaneId{0} && writes) users_.used_in[index(b)].written |= legs;
          if (!program.buffer(b).goes_on) break;
        }
      });
}

const ReadTemplate& PassTemplates::pass(const PassKind& kind) {
  const auto found = passes_.find(kind);
  if (found != passes_.end()) return found->second;
  return passes_.emplace(kind, read(lowered().lowering.pass(kind), legs_of(kind))).first->second;
}
const ReadTemplate& PassTemplates::finish() {
  if (!finish_) finish_ = std::make_unique<ReadTemplate>(read(lowered().lowering.finish(), kOther));
  return *finish_;
}
const ReadTemplate& PassTemplates::update() {
  if (!update_) update_ = std::make_unique<ReadTemplate>(read(lowered().lowering.update(), kOther));
  return *update_;
}

ReadTemplate PassTemplates::read(program::TemplateId id, std::uint32_t legs) {
  LoweredStage& stage = lowered();
  if (pricing_.machine == nullptr) return read_template(stage, users_, shown_, id, nullptr, legs);
  const Durations durations = stage.price(id, pricing_);
  return read_template(stage, users_, shown_, id, &durations, legs);
}

}  // namespace ds::engine
