// Makes the buffers of chunks of one layer and of two, and adds up those that are there at once.
#include "simulator/memory/peak_floor.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "simulator/base/hash.h"
#include "simulator/program/layer_sums.h"
#include "simulator/program/schedule/schedule.h"
#include "simulator/program/stage_graphs.h"
#include "simulator/workload/settle.h"

namespace ds::memory {
namespace {

using program::Leg;
using program::Life;
using program::StageInputs;

/// Of a stage, what the buffers of one of its chunks follow from, in two parts: they have less in common than either has with
/// those of other plans. Gradients of tied tables are left out, since they may come later.
StageInputs of_chunk(const StageInputs& stage, const graph::StageOptions& chunk) {
  StageInputs one{.chunks = {{.graph = chunk, .recompute = stage.chunks.front().recompute}},
                  .tensor_ranks = stage.tensor_ranks,
                  .fuses_bias_dropout = stage.fuses_bias_dropout,
                  .lanes = {},
                  .type = stage.type,
                  .gradient_type = stage.gradient_type,
                  .master_type = stage.master_type,
                  .moment_type = stage.moment_type,
                  .hyper = {}};
  one.chunks.front().graph.loss_scale = 1;
  one.micro_batches = one.chunks.front().graph.head ? 1 : 0;
  return one;
}
StageInputs of_weights(const StageInputs& stage, const graph::StageOptions& chunk) {
  StageInputs one = of_chunk(stage, chunk);
  one.chunks.front().graph.batch = 1;
  one.data_ranks = stage.data_ranks;
  // Which layers' states stay on the device depends on those before.
  one.states_on_host = stage.states_on_host > 0 ? workload::kMillionths : 0;
  one.weights_on_host = stage.weights_on_host;
  one.expert_data_ranks = stage.expert_data_ranks;
  one.expert_shards = stage.expert_shards;
  one.sharding = stage.sharding;
  return one;
}

}  // namespace

std::size_t PeakFloor::Hash::operator()(const StageInputs& inputs) const {
  const graph::StageOptions& graph = inputs.chunks.front().graph;
  return bucket_of({std::int64_t{graph.layers}, graph.batch, graph.tp, std::int64_t{graph.sequence_parallel},
                    std::int64_t{graph.embedding}, std::int64_t{graph.head},
                    static_cast<std::int64_t>(inputs.chunks.front().recompute), inputs.data_ranks,
                    inputs.states_on_host, inputs.sharding.shards});
}

const PeakFloor::Kept& PeakFloor::read(const StageInputs& inputs) {
  const auto [found, is_new] = known_.try_emplace(inputs);
  if (!is_new) return found->second;
  program::Program program;
  const program::StageLowering lowering(program, {graphs_.of(inputs.chunks.front())}, inputs);
  Kept& kept = found->second;
  for (std::size_t b = 0; b < program.buffers.size(); ++b) {
    const program::Buffer& buffer = program.buffers[b];
    const program::SlotRule& rule = lowering.slot_rule(static_cast<program::BufferId>(b));
    if (buffer.tier == program::Tier::host) continue;
    const double bytes = static_cast<double>(buffer.size.bound.value) * buffer.copies;
    const bool crosses = rule.from == Leg::forward && rule.to != Leg::forward;
    if (buffer.life == Life::run) kept.lasting += bytes;
    if (buffer.life == Life::step && buffer.part == program::Part::gradients) kept.gradients += bytes;
    if (buffer.life == Life::slot && crosses && buffer.part == program::Part::activations)
      kept.activations += bytes;
  }
  return kept;
}

PeakFloor::UnderWay PeakFloor::under_way(const Order& order) {
  const std::int32_t chunks =
      static_cast<std::int32_t>(order.chunks) * program::directions_of(order.schedule);
  const std::vector<program::ScheduledPass> passes = program::order_of(
      order.schedule, static_cast<std::int32_t>(order.stages), static_cast<std::int32_t>(order.stage),
      static_cast<std::int32_t>(order.micro_batches), static_cast<std::int32_t>(order.chunks));
  std::vector<std::int32_t> now(static_cast<std::size_t>(chunks), 0);
  std::vector<bool> begun(static_cast<std::size_t>(chunks), false);
  std::int32_t most = -1, most_behind = -1;
  UnderWay result{now, now};
  for (std::size_t p = 0; p < passes.size(); ++p) {
    const program::ScheduledPass& pass = passes[p];
    const auto chunk = static_cast<std::size_t>(pass.chunk);
    if (program::runs(pass, Leg::inputs)) --now[chunk];
    if (pass.forward) ++now[chunk];
    // Of two in one call, what the one makes may take the place of what the other leaves.
    if (p + 1 < passes.size() && passes[p + 1].merged) continue;
    const std::int32_t all = std::accumulate(now.begin(), now.end(), 0);
    if (all > most) most = all, result.front() = now;
    if (all > most_behind && std::ranges::find(begun, false) == begun.end())
      most_behind = all, result.back() = now;
    if (program::runs(pass, Leg::weights)) begun[chunk] = true;
  }
  return result;
}

std::int64_t PeakFloor::of_stage(std::int64_t stage, const program::Lanes& lanes) {
  const workload::Plan& plan = job_.plan;
  const std::int32_t chunks =
      static_cast<std::int32_t>(plan.chunks()) * program::directions_of(plan.schedule);
  const StageInputs inputs =
      program::stage_inputs(job_, stage, std::vector<bool>(static_cast<std::size_t>(chunks)), lanes);
  const Order order{plan.order(), plan.pp, stage, plan.chunks(), job_.micro_batches()};
  auto moments = under_way_.find(order);
  if (moments == under_way_.end()) moments = under_way_.emplace(order, under_way(order)).first;
  double lasting = 0, gradients = 0;
  std::array<double, 2> activations{};
  Kept weights;
  double of_one = 0;
  for (std::size_t c = 0; c < inputs.chunks.size(); ++c) {
    const graph::StageOptions& graph = inputs.chunks[c].graph;
    const auto sum = [&](auto inputs_of) {
      return program::sum_over_layers<Kept>(graph, [&](const graph::StageOptions& options) -> const Kept& {
        return read(inputs_of(inputs, options));
      });
    };
    if (c == 0 || graph != inputs.chunks[c - 1].graph)  // most are alike
      weights = sum(of_weights), of_one = sum(of_chunk).activations;
    lasting += weights.lasting, gradients += weights.gradients;
    for (std::size_t m = 0; m < 2; ++m) activations[m] += of_one * moments->second[m][c];
  }
  return std::llround(lasting + std::max(activations.front(), gradients + activations.back()));
}

Bytes PeakFloor::of(const workload::Plan& plan) {
  job_.plan = plan;
  workload::settle(job_);
  program::Program scratch;
  const program::Lanes lanes = program::make_lanes(scratch, plan);
  std::int64_t most = of_stage(0, lanes);
  if (plan.pp > 2) most = std::max(most, of_stage(1, lanes));
  if (plan.pp > 1) most = std::max(most, of_stage(plan.pp - 1, lanes));
  return {most};
}

}  // namespace ds::memory
