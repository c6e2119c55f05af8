// The calls of a step on one stage, in the order of its schedule.
#include "simulator/program/stage_lowering.h"

#include <algorithm>
#include <ranges>
#include <set>

#include "simulator/base/error.h"
#include "simulator/program/stage_gathering.h"

namespace ds::program {

namespace {

void mark_ends(std::vector<PassCall>& calls) {
  std::set<std::int32_t> begun, ended;  // chunks
  for (PassCall& call : calls)
    call.is_first_forward = call.kind.forward && begun.insert(call.kind.chunk).second;
  for (PassCall& call : std::views::reverse(calls)) {
    const std::int32_t chunk = chunk_of_gradients(call.kind);
    call.is_last_backward = chunk >= 0 && ended.insert(chunk).second;
  }
}

}  // namespace

std::vector<PassCall> calls_of(const std::vector<ScheduledPass>& order, std::int32_t micro_batches,
                               bool reduces_early, bool first_forwards_apart) {
  std::vector<PassCall> calls;
  calls.reserve(order.size() + 1);
  std::vector<std::int32_t> summed;  // by chunk: backwards to the weights so far
  const auto role_of = [&](const ScheduledPass& pass) {
    if (!runs(pass, Leg::weights)) return GradientRole{};
    const auto chunk = static_cast<std::size_t>(pass.chunk);
    if (chunk >= summed.size()) summed.resize(chunk + 1, 0);
    const std::int32_t before = summed[chunk]++;
    return GradientRole{.first = before == 0, .last = reduces_early && before + 1 == micro_batches};
  };
  for (std::size_t i = 0; i < order.size(); ++i) {
    const ScheduledPass& pass = order[i];
    if (i + 1 < order.size() && order[i + 1].merged) {
      const ScheduledPass& other = order[++i];
      calls.push_back({{.chunk = pass.chunk,
                        .forward = true,
                        .gradients = other.gradients,
                        .role = role_of(other),
                        .merged_with = other.chunk},
                       {pass.micro, other.micro}});
    } else {
      calls.push_back(
          {{.chunk = pass.chunk, .forward = pass.forward, .gradients = pass.gradients, .role = role_of(pass)},
           {pass.micro, -1}});
    }
  }
  mark_ends(calls);
  if (first_forwards_apart)
    for (PassCall& call : calls) {
      if (!call.is_first_forward) continue;
      ensure(call.kind.merged_with < 0, "a chunk's first forward has no backward beside it");
      call.kind.role.first = true;
    }
  return calls;
}

StageLowering::StageLowering(Program& program, const std::vector<std::shared_ptr<const graph::Stage>>& chunks,
                             StageInputs inputs, Extent extent)
    : program_(program),
      inputs_(std::move(inputs)),
      extent_(extent),
      first_buffer_(static_cast<std::int32_t>(program.buffers.size())),
      first_tensor_(static_cast<std::int32_t>(program.tensors.size())) {
  for (const std::shared_ptr<const graph::Stage>& graph : chunks) {
    Chunk chunk{.graph = graph, .number = static_cast<std::int32_t>(chunks_.size())};
    chunk.weights_alone = graph::for_weights_alone(*chunk.graph);
    chunk.buckets = make_buckets(*chunk.graph, inputs_.tensor_ranks);
    chunk.complete_after = buckets_complete_after(*chunk.graph, chunk.buckets);
    chunk.bucket_buffers.first = static_cast<std::int32_t>(program.buffers.size());
    for (const Bucket& bucket : chunk.buckets) make_bucket(chunk, bucket);
    chunk.bucket_buffers.count =
        static_cast<std::int32_t>(program.buffers.size()) - chunk.bucket_buffers.first;
    chunks_.push_back(std::move(chunk));
  }
  make_host_buffers();
  if (!has_passes()) return;
  make_activations();
  if (inputs_.dummy_gradients) make_dummy_gradients();
  make_side_buffers();
}

RankClass StageLowering::lower(const std::vector<ScheduledPass>& order, std::int32_t micro_batches) {
  micro_batches_ = micro_batches;
  ensure(inputs_.micro_batches == 0 || inputs_.micro_batches == this->micro_batches(),
         "the loss is that of the step's micro-batches");
  RankClass ranks;
  ranks.members = static_cast<std::int32_t>(inputs_.tensor_ranks * inputs_.data_ranks);
  Phase step{When::always, {}};
  step.calls.reserve(order.size() + 1);
  for (const PassCall& call :
       calls_of(order, this->micro_batches(), reduces_early(), inputs_.quantises_once()))
    step.calls.push_back({pass(call.kind), {call.micro[0], call.micro[1]}});
  step.calls.push_back({finish(), {-1, -1}});
  ranks.phases = {std::move(step), {When::finite, {{update(), {-1, -1}}}}};
  ranks.host = host_;
  ranks.buffers = {first_buffer_, static_cast<std::int32_t>(slot_rules_.size())};
  std::int32_t tensors = 0;
  for (const Chunk& chunk : chunks_) tensors += static_cast<std::int32_t>(chunk.graph->parameters.size());
  ranks.tensors = {first_tensor_, tensors};
  ranks.slots = slots(order);
  return ranks;
}

TemplateId StageLowering::pass(const PassKind& kind) {
  const auto [found, is_new] = templates_.try_emplace(kind, TemplateId{-1});
  if (is_new) found->second = make_pass(kind);
  return found->second;
}

TemplateId StageLowering::make_pass(const PassKind& kind) {
  const Chunk& chunk = chunks_[static_cast<std::size_t>(kind.chunk)];
  if (kind.merged_with < 0)
    return add_template(program_, kind.forward ? forward(chunk, kind.role.first)
                                               : backward_alone(chunk, kind.gradients, kind.role));
  const Draft ahead = forward(chunk, false);
  const auto first_use = static_cast<std::ptrdiff_t>(program_.uses.size());
  const Draft back = backward(chunks_[static_cast<std::size_t>(kind.merged_with)], kind.gradients, kind.role);
  for (auto use = program_.uses.begin() + first_use; use != program_.uses.end(); ++use)
    if (use->instance == kMicro0) use->instance = kMicro1;
  return add_template(program_, merged(program_, ahead, back, inputs_.lanes.experts));
}

TemplateId StageLowering::finish() {
  if (finish_ == TemplateId{-1}) finish_ = add_template(program_, finish_body());
  return finish_;
}

TemplateId StageLowering::update() {
  if (update_ == TemplateId{-1}) update_ = add_template(program_, update_body());
  return update_;
}

/// In the order of the stages that they are, which ranks at mirrored places share.
std::vector<std::size_t> StageLowering::chunks_by_place() const {
  if (inputs_.second_half) return {1, 0};
  return {0, 1};
}

}  // namespace ds::program
