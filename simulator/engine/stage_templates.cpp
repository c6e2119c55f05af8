// Goes through the templates of a stage and notes where other lanes and other classes come in.
#include "simulator/engine/stage_templates.h"

#include <algorithm>

#include "simulator/engine/alone.h"
#include "simulator/engine/price.h"
#include "simulator/program/rows.h"
#include "simulator/program/walk.h"

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

}  // namespace

program::StageInputs StageTemplates::of_stage(program::StageInputs stage) {
  stage.micro_batches = stage.micro_batches > 0 ? 1 : 0;  // the sum of losses is priced apart
  if (!by_chunk(stage)) return stage;
  for (program::ChunkInputs& chunk : stage.chunks) {
    chunk.graph.batch = 1;
    chunk.graph.loss_scale = 1;
  }
  return stage;
}

/// The stage as a program: buffers have the same numbers each time.
struct StageTemplates::Lowered {
  Lowered(const Inputs& inputs, const workload::Plan& plan,
          const std::vector<std::shared_ptr<const graph::Stage>>& graphs)
      : lowering(program, graphs, inputs.stage) {
    program.grid = inputs.grid;
    program::make_lanes(program, plan);
  }

  program::Program program;
  program::StageLowering lowering;
  std::vector<Seconds> operators;  // of the program, so far as they have been priced
};

/// Goes through one template.
class StageTemplates::Reader {
 public:
  Reader(StageTemplates& all, const Lowered& stage, const Durations& durations, std::uint32_t legs)
      : all_(all),
        stage_(stage),
        program_(stage.program),
        durations_(durations),
        legs_(legs),
        by_chunk_(by_chunk(all.inputs_.stage)),
        lanes_(program_.lanes.size()) {}

  ReadTemplate read(const program::Template& body) {
    all_layers_ = std::ranges::any_of(body.blocks,
                                      [&](const program::Block& block) { return is_looked_through(block); });
    shared_seen_ = touches_of(program_, all_.shared_, body, all_layers_ ? Iterations::all : Iterations::ends);
    local_seen_ = touches_of(program_, all_.local_, body, Iterations::ends);
    for (const program::Block& block : body.blocks) {
      const bool any = std::ranges::any_of(program_.instructions_of(block),
                                           [&](const Instruction& one) { return is_looked_at(one); });
      if (any)
        go_through(block);
      else
        pass_over(block, block.times);
      if (has_own_work(block)) lanes_[0].now.place = {.block = lanes_[0].now.place.block + 1};
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
  bool is_shown(std::size_t lane) const { return (all_.shown_ >> lane & 1) != 0; }
  /// Where lanes take turns within layers, each of these counts.
  bool is_looked_through(const program::Block& block) const {
    return std::ranges::any_of(program_.instructions_of(block), [&](const Instruction& one) {
      return meets(one) || is_shown(index(one.lane));
    });
  }
  bool is_looked_at(const Instruction& one) const {
    return meets(one) || is_shown(index(one.lane)) || watches(program_, all_.shared_, one) ||
           watches(program_, all_.local_, one);
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
      if (has_own_work(block)) {
        ++lanes_[0].now.place.iteration;
        lanes_[0].now.place.index = 0;
      }
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
      const bool reads = kind_of(use, one.lane, all_.shared_[index(copy.buffer)]) == UseKind::reads;
      if (only == Only::that_wait && reads && has_waited(one, use, copy)) return;
      list.push_back({number_of(copy), use.instance, reads});
    });
  }

  bool has_waited(const Instruction& one, const program::Use& use, const program::Copy& copy) const {
    const UsedIn& used = all_.used_in_[index(copy.buffer)];
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

  std::int32_t number_of(const program::Copy& copy) {
    const auto next = static_cast<std::int32_t>(all_.slots_.size());
    const auto [found, is_new] = all_.numbers_.try_emplace({index(copy.buffer), copy.number}, next);
    if (is_new) all_.slots_.push_back(stage_.lowering.slot_rule(copy.buffer));
    return found->second;
  }

  void add_place(const Instruction& one, std::int32_t iteration, const Boundary& before) {
    const std::size_t lane = index(one.lane);
    LocalPlace place{
        .item = {.from = before, .to = lanes_[lane].now, .waits = {}}, .compute = lane == 0, .uses = {}};
    program::for_each_use(program_, one, [&](const program::Use& use) {
      const program::Copy copy = program::locate(program_, program_.view(use.view), iteration);
      const UseKind kind = kind_of(use, one.lane, all_.local_[index(copy.buffer)]);
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
    if (is_loss_sum(one)) {
      lane.now.losses = true;
    } else if (by_chunk_ && program::is_own_work(one)) {
      ++lane.now.place.index;
    } else {
      lane.now.of_step += alone(program_, durations_, 0, id).value * times;
    }
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
    lanes_[0].now.place.index = 0;
    if (has_own_work(block)) lanes_[0].now.place.iteration += times;
  }

  bool has_own_work(const program::Block& block) const {
    return by_chunk_ && std::ranges::any_of(program_.instructions_of(block), program::is_own_work);
  }

  StageTemplates& all_;
  const Lowered& stage_;
  const program::Program& program_;
  const Durations& durations_;
  std::uint32_t legs_;
  bool by_chunk_;
  bool all_layers_{};  // of the template are gone through, as by those who have seen its touches
  std::vector<LaneState> lanes_;
  TemplateOutline outline_;
  std::vector<LocalPlace> places_;
  std::vector<Touch> shared_seen_, local_seen_;
  std::size_t next_shared_{}, next_local_{};
};

StageTemplates::StageTemplates(const Inputs& inputs, const workload::Plan& plan,
                               std::vector<std::shared_ptr<const graph::Stage>> graphs,
                               const cost::Machine& machine)
    : inputs_(inputs), plan_(plan), graphs_(std::move(graphs)), machine_(&machine) {
  Lowered& stage = lowered();
  const program::Program& program = stage.program;
  const auto show = [&](std::size_t lane) { shown_ |= lane == 0 ? 0 : std::uint32_t{1} << lane; };
  for (std::size_t lane = 0; lane < program.lanes.size(); ++lane)
    if (program.lanes[lane].group.has(program::Axis::pp)) show(lane);
  const program::Lanes& lanes = inputs_.stage.lanes;
  for (const program::LaneId lane : {lanes.context, lanes.experts}) show(index(lane));
  if (shards_in_passes(inputs_.stage))
    for (const program::LaneId lane : {lanes.reduce, lanes.gather}) show(index(lane));
  shared_ = users_of_buffers(program, note_all_uses(stage));
  local_.resize(shared_.size());
  for (std::size_t b = 0; b < shared_.size(); ++b)
    if ((shared_[b].all() & shown_) == 0) std::swap(shared_[b], local_[b]);
  finish_ = read(stage, stage.lowering.finish(), kOther);
  update_ = read(stage, stage.lowering.update(), kOther);
}

StageTemplates::~StageTemplates() = default;

StageTemplates::Lowered& StageTemplates::lowered() {
  if (!lowered_) lowered_ = std::make_unique<Lowered>(inputs_, plan_, graphs_);
  return *lowered_;
}

StageOutline& StageTemplates::add(const PassList& passes) {
  StageOutline& outline = outlines_.try_emplace(passes, *this, passes).first->second;
  lowered_.reset();
  return outline;
}

/// What a buffer is used for does not depend on which passes a step has.
std::vector<program::TemplateId> StageTemplates::note_all_uses(Lowered& stage) {
  std::vector<program::TemplateId> templates;
  const bool early = inputs_.stage.reduces_early();
  for (std::int32_t c = 0; c < std::ssize(inputs_.stage.chunks); ++c) {
    using program::Gradients;
    std::vector<PassKind> kinds{{.chunk = c, .forward = true}};
    if (inputs_.stage.quantises_once())
      kinds.push_back({.chunk = c, .forward = true, .role = {.first = true}});
    const program::GradientRole last{.last = early};
    if (inputs_.stage.chunks[static_cast<std::size_t>(c)].splits_backward) {
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

void StageTemplates::note_uses(const program::Program& program, program::TemplateId id, std::uint32_t legs) {
  used_in_.resize(program.buffers.size());
  for (const program::Block& block : program.templates[index(id)].blocks)
    for (const Instruction& one : program.instructions_of(block))
      program::for_each_use(program, one, [&](const program::Use& use) {
        const bool writes = use.access != program::Access::read;
        for (program::BufferId b = program.view(use.view).buffer;;
             b = static_cast<program::BufferId>(index(b) + 1)) {
          if (one.lane == program::LaneId{0}) used_in_[index(b)].here |= legs;
          if (one.lane != program::LaneId{0} && writes) used_in_[index(b)].written |= legs;
          if (!program.buffer(b).goes_on) break;
        }
      });
}

const ReadTemplate& StageTemplates::pass(const PassKind& kind) {
  const auto found = passes_.find(kind);
  if (found != passes_.end()) return found->second;
  Lowered& stage = lowered();
  return passes_.emplace(kind, read(stage, stage.lowering.pass(kind), legs_of(kind))).first->second;
}

ReadTemplate StageTemplates::read(Lowered& stage, program::TemplateId id, std::uint32_t legs) {
  program::RankClass ranks;
  ranks.first = inputs_.rank;
  ranks.phases = {{program::When::always, {{id, {-1, -1}}}}};
  stage.program.classes = {std::move(ranks)};
  Durations durations = price(stage.program, *machine_, std::move(stage.operators));
  ReadTemplate result = Reader(*this, stage, durations, legs).read(stage.program.templates[index(id)]);
  stage.operators = std::move(durations.operators);
  return result;
}

}  // namespace ds::engine
