// The calls of a step on one stage, in the order of its schedule.
#include "simulator/program/stage_lowering.h"

#include <algorithm>

namespace ds::program {
namespace {

/// Both received first, both sent last, and in between their operators in turn, so that each has the time of the other's
/// communication to compute in.
Template merged(Template forward, Template backward) {
  struct Placed {
    double place;
    Instruction instruction;
  };
  std::vector<Placed> all;
  for (const Template* body : {&forward, &backward})
    for (std::size_t i = 0; i < body->body.size(); ++i) {
      const Instruction& instruction = body->body[i];
      const double between = (static_cast<double>(i) + 0.5) / static_cast<double>(body->body.size());
      const double place = instruction.kind == Kind::receive ? 0
                           : instruction.kind == Kind::send  ? 1
                                                             : between;
      all.push_back({place, instruction});
    }
  std::ranges::stable_sort(all, {}, &Placed::place);
  Template result{.name = forward.name + " and " + backward.name,
                  .pass = Pass::forward_backward,
                  .chunk = forward.chunk,
                  .body = {}};
  for (const Placed& one : all) result.body.push_back(one.instruction);
  return result;
}

}  // namespace

Lanes make_lanes(Program& program, const workload::Plan& plan) {
  const auto add = [&](Unit unit, Group group, std::int8_t direction) {
    program.lanes.push_back({unit, group, direction});
    return static_cast<LaneId>(program.lanes.size() - 1);
  };
  Lanes lanes;
  lanes.compute = add(Unit::compute, {}, 0);
  const auto add_messages = [&](Group group, std::int8_t forward) {
    const auto backward = static_cast<std::int8_t>(-forward);
    MessageLanes messages{.send_forward = add(Unit::link, group, forward),
                          .send_backward = add(Unit::link, group, backward)};
    if (plan.overlap.p2p) {
      messages.receive_forward = add(Unit::link, group, forward);
      messages.receive_backward = add(Unit::link, group, backward);
    }
    return messages;
  };
  if (plan.pp > 1) lanes.messages[0] = add_messages(kPipeline, 1);
  if (directions_of(plan.schedule) == 2) lanes.messages[1] = add_messages(kOppositePipeline, -1);
  // One lane for all of a communicator: two would start its collectives in an order that ranks need not share.
  if (plan.dp > 1 && (plan.overlap.grad_reduce || plan.overlap.param_gather))
    lanes.reduce = lanes.gather = add(Unit::link, kDataGroup, 0);
  return lanes;
}

StageLowering::StageLowering(Program& program, const std::vector<std::shared_ptr<const graph::Stage>>& chunks,
                             StagePlan plan)
    : program_(program),
      plan_(std::move(plan)),
      first_buffer_(static_cast<std::int32_t>(program.buffers.size())),
      first_tensor_(static_cast<std::int32_t>(program.tensors.size())) {
  for (const std::shared_ptr<const graph::Stage>& graph : chunks) {
    Chunk chunk{.graph = graph, .number = static_cast<std::int32_t>(chunks_.size())};
    chunk.splits = splits_backward(plan_.order, chunk.number);
    chunk.weights_alone = graph::for_weights_alone(*chunk.graph);
    chunk.buckets = make_buckets(*chunk.graph, plan_.tensor_ranks);
    for (const Bucket& bucket : chunk.buckets) make_bucket(chunk, bucket);
    chunks_.push_back(std::move(chunk));
  }
  make_host_buffers();
  for (Chunk& chunk : chunks_) make_activations(chunk);
}

RankClass StageLowering::lower() {
  RankClass ranks;
  ranks.first.pp = plan_.stage;
  ranks.members = static_cast<std::int32_t>(plan_.tensor_ranks * plan_.data_ranks);
  Phase step{When::always, {}};
  summed_.assign(chunks_.size(), 0);
  for (std::size_t i = 0; i < plan_.order.size(); ++i) {
    const ScheduledPass& pass = plan_.order[i];
    const bool merges = i + 1 < plan_.order.size() && plan_.order[i + 1].merged;
    if (merges) {
      const ScheduledPass& other = plan_.order[++i];
      step.calls.push_back({merged_call_of(pass, other), {pass.micro, other.micro}});
    } else {
      step.calls.push_back({call_of(pass), {pass.micro, -1}});
    }
  }
  step.calls.push_back({finish(), {-1, -1}});
  ranks.phases = {std::move(step), {When::finite, {{update(), {-1, -1}}}}};
  ranks.host = host_;
  ranks.buffers = {first_buffer_, static_cast<std::int32_t>(program_.buffers.size()) - first_buffer_};
  ranks.tensors = {first_tensor_, static_cast<std::int32_t>(program_.tensors.size()) - first_tensor_};
  return ranks;
}

StageLowering::Turn StageLowering::turn_of(const ScheduledPass& pass) {
  if (!runs(pass, Leg::weights)) return {};
  std::int32_t& summed = summed_[static_cast<std::size_t>(pass.chunk)];
  const Turn turn{.writes = summed == 0, .releases = reduces_early() && summed + 1 == micro_batches()};
  ++summed;
  return turn;
}

TemplateId StageLowering::call_of(const ScheduledPass& pass) {
  const Chunk& chunk = chunks_[static_cast<std::size_t>(pass.chunk)];
  const Turn turn = turn_of(pass);
  constexpr std::int32_t kAlone = -1;
  const auto [found, is_new] = kept_.try_emplace(
      {pass.chunk, pass.forward, pass.gradients, turn.writes, turn.releases, kAlone}, TemplateId{-1});
  if (!is_new) return found->second;
  Template body{.chunk = pass.chunk, .body = {}};
  if (pass.forward)
    forward(body, chunk);
  else
    backward(body, chunk, pass.gradients, turn);
  return found->second = add_template(std::move(body));
}

TemplateId StageLowering::merged_call_of(const ScheduledPass& first, const ScheduledPass& second) {
  const Turn turn = turn_of(second);
  const auto [found, is_new] = kept_.try_emplace(
      {first.chunk, true, second.gradients, turn.writes, turn.releases, second.chunk}, TemplateId{-1});
  if (!is_new) return found->second;
  Template ahead{.chunk = first.chunk, .body = {}}, back;
  forward(ahead, chunks_[static_cast<std::size_t>(first.chunk)]);
  const auto first_use = static_cast<std::ptrdiff_t>(program_.uses.size());
  backward(back, chunks_[static_cast<std::size_t>(second.chunk)], second.gradients, turn);
  for (auto use = program_.uses.begin() + first_use; use != program_.uses.end(); ++use)
    if (use->instance == kMicro0) use->instance = kMicro1;
  return found->second = add_template(merged(std::move(ahead), std::move(back)));
}

/// In the order of the stages that they are, which ranks at mirrored places share.
std::vector<std::size_t> StageLowering::chunks_by_place() const {
  if (2 * plan_.stage < plan_.stages) return {0, 1};
  return {1, 0};
}

}  // namespace ds::program
