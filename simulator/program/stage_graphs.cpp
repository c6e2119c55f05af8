#include "simulator/program/stage_graphs.h"

#include <algorithm>

#include "simulator/program/schedule/schedule.h"
#include "simulator/program/types.h"
#include "simulator/workload/head_copies.h"

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

/// Hopper's products in 8 bits want both operands row by row, so what two of them read in two directions comes in two forms;
/// scales of blocks run along one direction, so blocks do everywhere. Scales of whole tensors that are not carried over from the
/// step before need the largest element first (Transformer Engine, recipes DelayedScaling, Float8CurrentScaling,
/// Float8BlockScaling, MXFP8BlockScaling).
graph::Fp8 fp8_of(const Job& job) {
  if (job.plan.precision != workload::Precision::fp8) return {};
  const bool of_tensors = job.plan.fp8_recipe.starts_with("tensor");
  const bool hopper = !job.cluster.groups.front().node.accelerator.arch.starts_with("sm10");
  return {.forms = !of_tensors || hopper ? 2 : 1, .reads = job.plan.fp8_recipe == "tensor_current" ? 2 : 1};
}

}  // namespace

std::int64_t place_of(const workload::Plan& plan, std::int64_t stage, std::int64_t chunk) {
  if (plan.turns_back()) return chunk == 0 ? stage : 2 * plan.pp - 1 - stage;
  const bool mirrored = directions_of(plan.schedule) == 2 && chunk == 1;
  return mirrored ? plan.pp - 1 - stage : chunk * plan.pp + stage;
}

std::int64_t layers_at(const workload::Plan& plan, std::int64_t place) {
  const bool back = plan.turns_back() && place >= plan.pp;
  const std::int64_t stage = back ? 2 * plan.pp - 1 - place : place % plan.pp;
  return plan.stage_layers[static_cast<std::size_t>(stage)][static_cast<std::size_t>(place / plan.pp)];
}

std::int32_t first_layer_of(const Job& job, std::int64_t stage, std::int64_t chunk) {
  std::int64_t first = 0;
  for (std::int64_t p = 0; p < place_of(job.plan, stage, chunk); ++p) first += layers_at(job.plan, p);
  return static_cast<std::int32_t>(first);
}

namespace {

/// Of the chunk's layers, the first ones that are recomputed or offloaded: chunks of a stage are dealt the stage's number in their
/// order. Where two pipelines run in opposite directions, each of them has its own number, so that both copies of a layer are alike.
std::int64_t first_ones(const workload::Plan& plan, std::int64_t stage, std::int64_t chunk,
                        std::int64_t of_stage) {
  std::int64_t left = of_stage;
  if (directions_of(plan.schedule) == 2) return left;
  for (std::int64_t c = 0; c < chunk; ++c) left -= std::min(left, layers_at(plan, place_of(plan, stage, c)));
  return left;
}

/// Of a share, as many layers of the stage as come nearest to it, but one at least.
std::int64_t offloaded_layers(const workload::Plan& plan, std::int64_t stage, std::int64_t chunk) {
  if (plan.offloaded_share == 0) return plan.offload_activations;
  const bool by_chunk = directions_of(plan.schedule) == 2;
  const std::int64_t first = by_chunk ? chunk : 0, behind = by_chunk ? chunk + 1 : plan.chunks();
  std::int64_t layers = 0;
  for (std::int64_t c = first; c < behind; ++c) layers += layers_at(plan, place_of(plan, stage, c));
  const std::int64_t nearest =
      (plan.offloaded_share * layers + workload::kMillionths / 2) / workload::kMillionths;
  return std::max<std::int64_t>(nearest, 1);
}

/// Nothing where all layers of the model are of one kind.
std::vector<workload::LayerKind> kinds_at(const Job& job, std::int64_t stage, std::int64_t chunk) {
  std::vector<workload::LayerKind> kinds;
  const std::int64_t sequence = job.train.sequence_length;
  const workload::Plan& plan = job.plan;
  const bool by_number = plan.recompute == workload::Recompute::layers;
  const std::int64_t recomputed = first_ones(plan, stage, chunk, by_number ? plan.recompute_layers : 0);
  const std::int64_t offloaded = first_ones(plan, stage, chunk, offloaded_layers(plan, stage, chunk));
  if (workload::layers_are_alike(job.model, sequence) && recomputed == 0 && offloaded == 0) return kinds;
  const std::int64_t first = first_layer_of(job, stage, chunk);
  const std::int64_t count = layers_at(job.plan, place_of(job.plan, stage, chunk));
  for (std::int64_t layer = first; layer < first + count; ++layer) {
    kinds.push_back(workload::kind_of_layer(job.model, sequence, layer));
    kinds.back().recomputed = layer - first < recomputed;
    kinds.back().offloaded = layer - first < offloaded;
  }
  return kinds;
}

graph::Selective selective_of(const Job& job) {
  const std::string& kind = job.habits.selective_recompute;
  return kind == "per_operator"            ? graph::Selective::operators
         : kind == "norms_and_activations" ? graph::Selective::norms_and_activations
                                           : graph::Selective::attention;
}

/// Whether the software makes it of elementary operators.
bool is_composite(const Job& job, std::string_view fusion) {
  return !job.cluster.cpu() && !job.habits.fuses(fusion) && !job.habits.fuses("compile");
}

/// Products in 8 bits want rows in whole tiles of 16 or 32 (cuBLAS). Where each expert has room for so many rows, it has them in tiles;
/// hybrid dispatch writes them so (Megatron-LM at d98e8a64dd, transformer/moe/experts.py, Fp8Padding).
bool pads_expert_rows(const Job& job) {
  return fp8_of(job).on() && job.habits.pads_expert_rows && job.model.moe &&
         !job.model.moe->capacity_factor &&
         (job.plan.ep == 1 || job.plan.dispatch != workload::Dispatch::hybrid);
}

}  // namespace

graph::StageOptions chunk_options(const Job& job, std::int64_t stage, std::int64_t chunk) {
  const workload::Plan& plan = job.plan;
  const std::int64_t place = place_of(plan, stage, chunk);
  const auto tokens = static_cast<double>(job.train.global_batch * job.train.sequence_length);
  return {.layers = static_cast<std::int32_t>(layers_at(plan, place)),
          .kind = workload::kind_of_layer(job.model, job.train.sequence_length, 0),
          .kinds = kinds_at(job, stage, chunk),
          .embedding = place == 0,
          .head = place + 1 == plan.pp * plan.chunks(),
          .mtp = place + 1 == plan.pp * plan.chunks() ? static_cast<std::int32_t>(job.model.mtp_layers) : 0,
          .mtp_kind = workload::kind_of_layer(job.model, job.train.sequence_length, job.model.layers - 1),
          .tp = plan.tp,
          .tp_rows = plan.tp_rows,
          .head_copies = workload::head_copies(job.model, plan),
          .ep = plan.ep,
          .etp = plan.ep > 1 ? plan.etp : 1,
          .dispatch = plan.ep > 1 ? plan.dispatch : workload::Dispatch::all_to_all,
          .dispatch_in_fp8 = plan.ep > 1 && plan.dispatch_precision == workload::DispatchPrecision::fp8,
          .probabilities_at_experts = job.habits.experts_multiply,
          .pads_expert_rows = pads_expert_rows(job),
          .norms_quantise = !job.cluster.cpu() && job.habits.fuses("norm_quantise"),
          .exchanges_early = plan.exchanges_apart(),
          .cp = plan.cp,
          .cp_kind = plan.cp_kind,
          .sequence_parallel = plan.tp > 1 && plan.sequence_parallel,
          .batch = plan.micro_batch,
          .sequence = job.train.sequence_length,
          .type = storage_type(job),
          .gradient_type = gradient_type(job),
          .fp8 = fp8_of(job),
          .flash = plan.attention != workload::Attention::unfused,
          .loss_copies = job.cluster.cpu() || job.habits.fuses("cross_entropy") ? 0 : job.habits.loss_copies,
          .composite_norms = is_composite(job, "rms_norm"),
          .composite_gates = is_composite(job, "bias_swiglu"),
          .spare_head_gradient = has_dummy_gradients(job),
          .one_tied_gradient = job.habits.allocator != "arena",
          .separate_products = job.habits.separate_products,
          .cache = narrow(storage_type(job))
                       ? graph::CacheBits{job.habits.activation_input_bits, job.habits.attention_output_bits}
                       : graph::CacheBits{},
          .selective = selective_of(job),
          .recompute_modules = plan.recompute == workload::Recompute::modules ? plan.recompute_modules : 0,
          .dropout = plan.dropout,
          .padded_vocab = padded_vocab(job),
          .loss_scale = 1 / tokens};
}

graph::Stage chunk_graph(const workload::Model& model, const graph::StageOptions& options,
                         workload::Recompute recompute) {
  graph::Stage graph = graph::build_stage(model, options);
  graph::differentiate(graph);
  // What layers replay gathers for itself; what attention replays is gathered for both, the replay and the backward.
  const bool selective = recompute == workload::Recompute::selective;
  const bool by_modules = recompute == workload::Recompute::modules;
  if (by_modules) graph::recompute_modules(graph, graph::all_layers(graph), options.recompute_modules);
  if (!selective) graph::gather_again(graph);
  if (by_modules) graph::recompute_outputs(graph, graph::all_layers(graph), options.recompute_modules);
  if (recompute == workload::Recompute::full) graph::recompute_layers(graph, graph::all_layers(graph));
  if (recompute == workload::Recompute::layers)
    graph::recompute_layers(graph, graph::recomputed_layers(options));
  if (selective) {
    const std::vector<graph::LayerPlace> layers = graph::all_layers(graph);
    switch (options.selective) {
      case graph::Selective::attention: graph::recompute_attention(graph, layers); break;
      case graph::Selective::operators: graph::recompute_operators(graph, layers); break;
      case graph::Selective::norms_and_activations:
        graph::recompute_norms_and_activations(graph, layers);
        break;
    }
    graph::gather_again(graph);
  }
  graph::cache_in_fewer_bits(graph, options.cache);
  if (options.exchanges_early) graph::exchange_early(graph);
  graph::offload_layers(graph, graph::offloaded_layers(options));
  return graph;
}

}  // namespace ds::program
