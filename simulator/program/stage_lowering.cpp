// The calls of a step on one stage, in the order of its schedule.
#include "simulator/program/stage_lowering.h"

#include <algorithm>

#include "simulator/base/error.h"

namespace ds::program {

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
                             StageInputs inputs)
    : program_(program),
      inputs_(std::move(inputs)),
      first_buffer_(static_cast<std::int32_t>(program.buffers.size())),
      first_tensor_(static_cast<std::int32_t>(program.tensors.size())) {
  for (const std::shared_ptr<const graph::Stage>& graph : chunks) {
    Chunk chunk{.graph = graph, .number = static_cast<std::int32_t>(chunks_.size())};
    chunk.weights_alone = graph::for_weights_alone(*chunk.graph);
    chunk.buckets = make_buckets(*chunk.graph, inputs_.tensor_ranks);
    for (const Bucket& bucket : chunk.buckets) make_bucket(chunk, bucket);
    chunks_.push_back(std::move(chunk));
  }
  make_host_buffers();
  for (Chunk& chunk : chunks_) make_activations(chunk);
  if (inputs_.dummy_gradients) make_dummy_gradients();
}

RankClass StageLowering::lower(const std::vector<ScheduledPass>& order, std::int32_t micro_batches) {
  micro_batches_ = micro_batches;
  ensure(inputs_.micro_batches == 0 || inputs_.micro_batches == this->micro_batches(),
         "the loss is that of the step's micro-batches");
  RankClass ranks;
  ranks.members = static_cast<std::int32_t>(inputs_.tensor_ranks * inputs_.data_ranks);
  Phase step{When::always, {}};
  step.calls.reserve(order.size() + 1);
  summed_.assign(chunks_.size(), 0);
  for (std::size_t i = 0; i < order.size(); ++i) {
    const ScheduledPass& pass = order[i];
    const bool merges = i + 1 < order.size() && order[i + 1].merged;
    if (merges) {
      const ScheduledPass& other = order[++i];
      step.calls.push_back({merged_call_of(pass, other), {pass.micro, other.micro}});
    } else {
      step.calls.push_back({call_of(pass), {pass.micro, -1}});
    }
  }
  if (finish_ == TemplateId{-1}) finish_ = finish();
  if (update_ == TemplateId{-1}) update_ = update();
  step.calls.push_back({finish_, {-1, -1}});
  ranks.phases = {std::move(step), {When::finite, {{update_, {-1, -1}}}}};
  ranks.host = host_;
  ranks.buffers = {first_buffer_, static_cast<std::int32_t>(slot_rules_.size())};
  std::int32_t tensors = 0;
  for (const Chunk& chunk : chunks_) tensors += static_cast<std::int32_t>(chunk.graph->parameters.size());
  ranks.tensors = {first_tensor_, tensors};
  ranks.slots = slots(order);
  return ranks;
}

StageLowering::GradientRole StageLowering::role_of(const ScheduledPass& pass) {
  if (!runs(pass, Leg::weights)) return {};
  std::int32_t& summed = summed_[static_cast<std::size_t>(pass.chunk)];
  const GradientRole role{.first = summed == 0, .last = reduces_early() && summed + 1 == micro_batches()};
  ++summed;
  return role;
}

TemplateId StageLowering::call_of(const ScheduledPass& pass) {
  const Chunk& chunk = chunks_[static_cast<std::size_t>(pass.chunk)];
  const GradientRole role = role_of(pass);
  constexpr std::int32_t kAlone = -1;
  const auto [found, is_new] = templates_.try_emplace(
      {pass.chunk, pass.forward, pass.gradients, role.first, role.last, kAlone}, TemplateId{-1});
  if (is_new)
    found->second =
        add_template(program_, pass.forward ? forward(chunk) : backward(chunk, pass.gradients, role));
  return found->second;
}

TemplateId StageLowering::merged_call_of(const ScheduledPass& first, const ScheduledPass& second) {
  const GradientRole role = role_of(second);
  const auto [found, is_new] = templates_.try_emplace(
      {first.chunk, true, second.gradients, role.first, role.last, second.chunk}, TemplateId{-1});
  if (!is_new) return found->second;
  const Draft ahead = forward(chunks_[static_cast<std::size_t>(first.chunk)]);
  const auto first_use = static_cast<std::ptrdiff_t>(program_.uses.size());
  const Draft back = backward(chunks_[static_cast<std::size_t>(second.chunk)], second.gradients, role);
  for (auto use = program_.uses.begin() + first_use; use != program_.uses.end(); ++use)
    if (use->instance == kMicro0) use->instance = kMicro1;
  return found->second = add_template(program_, merged(ahead, back));
}

/// In the order of the stages that they are, which ranks at mirrored places share.
std::vector<std::size_t> StageLowering::chunks_by_place() const {
  if (inputs_.second_half) return {1, 0};
  return {0, 1};
}

}  // namespace ds::program
