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

/// Layers of a chunk, and the number of the first. Chunk c of stage s is the (c x stages + s)-th of the model; with two
/// pipelines in opposite directions, chunk 1 is the stage at the mirrored place.
graph::StageOptions chunk_options(const Job& job, std::int64_t stage, std::int64_t chunk) {
  const workload::Plan& plan = job.plan;
  const bool mirrored = directions_of(plan.schedule) == 2 && chunk == 1;
  const std::int64_t place = mirrored ? plan.pp - 1 - stage : chunk * plan.pp + stage;
  const auto layers_at = [&](std::int64_t p) {
    return plan.stage_layers[static_cast<std::size_t>(p % plan.pp)][static_cast<std::size_t>(p / plan.pp)];
  };
  std::int64_t first = 0;
  for (std::int64_t p = 0; p < place; ++p) first += layers_at(p);
  const auto tokens = static_cast<double>(job.train.global_batch * job.train.sequence_length);
  return {.first_layer = static_cast<std::int32_t>(first),
          .layers = static_cast<std::int32_t>(layers_at(place)),
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

}  // namespace

graph::Stage chunk_graph(const Job& job, std::int64_t stage, std::int64_t chunk) {
  graph::Stage graph = graph::build_stage(job.model, chunk_options(job, stage, chunk));
  graph::differentiate(graph);
  if (job.plan.recompute == workload::Recompute::full)
    graph::recompute_layers(graph, graph::all_layers(graph));
  if (job.plan.recompute == workload::Recompute::selective)
    graph::recompute_attention(graph, graph::all_layers(graph));
  graph::gather_again(graph);
  return graph;
}

std::shared_ptr<const graph::Stage> StageGraphs::of(const Job& job, std::int64_t stage, std::int64_t chunk) {
  graph::StageOptions options = chunk_options(job, stage, chunk);
  options.loss_scale = 1;
  std::shared_ptr<const graph::Stage>& graph = graphs_[{options, job.plan.recompute}];
  if (!graph) graph = std::make_shared<const graph::Stage>(chunk_graph(job, stage, chunk));
  return graph;
}

}  // namespace ds::program
