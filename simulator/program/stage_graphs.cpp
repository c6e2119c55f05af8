#include "simulator/program/stage_graphs.h"

#include "simulator/program/schedule/schedule.h"
#include "simulator/program/types.h"

namespace ds::program {
namespace {

using workload::Job;

/// The vocabulary is padded as the software does it, at least so that tensor-parallel ranks have equal parts; padded
/// columns have no probability and no gradient.
std::int64_t padded_vocab(const Job& job) {
  const std::int64_t multiple =
      job.habits.vocab_multiple * (job.habits.vocab_multiple_times_tp ? job.plan.tp : 1);
  return round_up(round_up(job.model.vocab, multiple), job.plan.tp);
}

/// The chunk's place in the model.
std::int64_t place_of(const workload::Plan& plan, std::int64_t stage, std::int64_t chunk) {
  const bool mirrored = directions_of(plan.schedule) == 2 && chunk == 1;
  return mirrored ? plan.pp - 1 - stage : chunk * plan.pp + stage;
}

std::int64_t layers_at(const workload::Plan& plan, std::int64_t place) {
  return plan
      .stage_layers[static_cast<std::size_t>(place % plan.pp)][static_cast<std::size_t>(place / plan.pp)];
}

}  // namespace

std::int32_t first_layer_of(const Job& job, std::int64_t stage, std::int64_t chunk) {
  std::int64_t first = 0;
  for (std::int64_t p = 0; p < place_of(job.plan, stage, chunk); ++p) first += layers_at(job.plan, p);
  return static_cast<std::int32_t>(first);
}

graph::StageOptions chunk_options(const Job& job, std::int64_t stage, std::int64_t chunk) {
  const workload::Plan& plan = job.plan;
  const std::int64_t place = place_of(plan, stage, chunk);
  const auto tokens = static_cast<double>(job.train.global_batch * job.train.sequence_length);
  return {.layers = static_cast<std::int32_t>(layers_at(plan, place)),
          .embedding = place == 0,
          .head = place + 1 == plan.pp * plan.vpp,
          .tp = plan.tp,
          .sequence_parallel = plan.tp > 1 && plan.sequence_parallel,
          .batch = plan.micro_batch,
          .sequence = job.train.sequence_length,
          .type = storage_type(job),
          .gradient_type = gradient_type(job),
          .flash = plan.attention != workload::Attention::unfused,
          .dropout = plan.dropout,
          .padded_vocab = padded_vocab(job),
          .loss_scale = 1 / tokens};
}

graph::Stage chunk_graph(const workload::Model& model, const graph::StageOptions& options,
                         workload::Recompute recompute) {
  graph::Stage graph = graph::build_stage(model, options);
  graph::differentiate(graph);
  graph::gather_again(graph);
  if (recompute == workload::Recompute::full) graph::recompute_layers(graph, graph::all_layers(graph));
  if (recompute == workload::Recompute::selective)
    graph::recompute_attention(graph, graph::all_layers(graph));
  return graph;
}

}  // namespace ds::program
