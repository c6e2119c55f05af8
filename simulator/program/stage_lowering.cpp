// The calls of a step on one stage, in the order of its schedule.
#include "simulator/program/stage_lowering.h"

#include <algorithm>

namespace ds::program {
Lanes make_lanes(Program& program, const workload::Plan& plan) {
  const auto add = [&](Unit unit, Group group, std::int8_t direction) {
    program.lanes.push_back({unit, group, direction});
    return static_cast<LaneId>(program.lanes.size() - 1);
  };
  Lanes lanes;
  lanes.compute = add(Unit::compute, {}, 0);
  lanes.receive_forward = lanes.receive_backward = lanes.reduce = lanes.gather = lanes.compute;
  if (plan.pp > 1) {
    lanes.send_forward = add(Unit::link, kPipeline, 1);
    lanes.send_backward = add(Unit::link, kPipeline, -1);
    if (plan.overlap.p2p) {
      lanes.receive_forward = add(Unit::link, kPipeline, 1);
      lanes.receive_backward = add(Unit::link, kPipeline, -1);
    }
  }
  // One lane for all of a communicator: two would start its collectives in an order that ranks need not share.
  if (plan.dp > 1 && (plan.overlap.grad_reduce || plan.overlap.param_gather))
    lanes.reduce = lanes.gather = add(Unit::link, kDataGroup, 0);
  return lanes;
}

StageLowering::StageLowering(Program& program, std::vector<graph::Stage> chunks, StagePlan plan)
    : program_(program),
      plan_(std::move(plan)),
      first_buffer_(static_cast<std::int32_t>(program.buffers.size())),
      first_tensor_(static_cast<std::int32_t>(program.tensors.size())) {
  for (graph::Stage& graph : chunks) {
    Chunk chunk{.graph = std::move(graph)};
    chunk.buckets = make_buckets(chunk.graph, plan_.tensor_ranks);
    for (const Bucket& bucket : chunk.buckets) make_bucket(chunk, bucket);
    chunks_.push_back(std::move(chunk));
  }
  make_host_buffers();
  for (std::size_t c = 0; c < chunks_.size(); ++c)
    make_activations(chunks_[c], most_in_flight(plan_.order, static_cast<std::int32_t>(c)));
}

RankClass StageLowering::lower() {
  RankClass ranks;
  ranks.first.pp = plan_.stage;
  ranks.members = static_cast<std::int32_t>(plan_.tensor_ranks * plan_.data_ranks);
  Phase step{When::always, {}};
  std::vector<std::int32_t> backwards(chunks_.size(), 0);
  for (const ScheduledPass& pass : plan_.order) {
    std::int32_t& done = backwards[static_cast<std::size_t>(pass.chunk)];
    Turn turn;
    if (!pass.forward) {
      turn = {.writes = done == 0, .releases = reduces_early() && done + 1 == program_.micro_batches};
      ++done;
    }
    step.calls.push_back({call_of(pass, turn), {pass.micro, -1}});
  }
  step.calls.push_back({finish(), {-1, -1}});
  ranks.phases = {std::move(step), {When::finite, {{update(), {-1, -1}}}}};
  ranks.host = host_;
  ranks.buffers = {first_buffer_, static_cast<std::int32_t>(program_.buffers.size()) - first_buffer_};
  ranks.tensors = {first_tensor_, static_cast<std::int32_t>(program_.tensors.size()) - first_tensor_};
  return ranks;
}

TemplateId StageLowering::call_of(const ScheduledPass& pass, Turn turn) {
  Chunk& chunk = chunks_[static_cast<std::size_t>(pass.chunk)];
  if (pass.forward) {
    if (chunk.forward == TemplateId{-1}) chunk.forward = forward(chunk, pass.chunk);
    return chunk.forward;
  }
  const auto [found, is_new] = chunk.backwards.try_emplace({turn.writes, turn.releases}, TemplateId{-1});
  if (is_new) found->second = backward(chunk, pass.chunk, turn);
  return found->second;
}

}  // namespace ds::program
