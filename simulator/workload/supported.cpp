// The rows of what is valid but not built yet, and the limits of what CPU ranks are asked to play.
#include "simulator/workload/supported.h"

#include <fmt/format.h>

#include <algorithm>

#include "simulator/base/error.h"
#include "simulator/workload/limits.h"
#include "simulator/workload/spellings.h"

namespace ds::workload {
namespace {

struct Feature {
  std::string_view path;
  bool (*built)(const Job&);
  std::string_view instead;  // what can be asked for today
  std::string_view what;     // that is not there yet, where the path does not say it
};

/// Whether ranks of one stage are those of one stage of experts: of the axes before pp both have as many.
bool stages_are_one(const Job& j) {
  const Plan& p = j.plan;
  if (!j.model.moe) return true;
  std::int64_t dense = 1, expert = 1;
  const std::int64_t edp = p.tp * p.cp * p.dp / (p.ep * p.etp);
  for (std::string_view rest = p.placement; !rest.empty();) {
    const std::string_view axis = rest.substr(0, rest.find('-'));
    rest.remove_prefix(std::min(axis.size() + 1, rest.size()));
    if (axis == "pp") break;
    if (axis == "tp") dense *= p.tp, expert *= p.etp;
    if (axis == "cp") dense *= p.cp;
    if (axis == "ep") expert *= p.ep;
    if (axis == "dp") dense *= p.dp, expert *= edp;
  }
  return dense == expert;
}

double host_link(const Job& j) { return workload::host_link_bytes_per_s(j.cluster.groups.front().node); }
double host_memory(const Job& j) { return j.cluster.groups.front().node.host_memory_bytes_per_s; }
bool says_power(const Job& j) { return j.cluster.groups.front().node.accelerator.tdp_w > 0; }
/// FSDP's ZeRO 2 gathers them once a micro-batch, where there are no stages.
bool gathers_weights(const Job& j) {
  const Plan& p = j.plan;
  return p.dp * p.cp > 1 && p.zero_group > 1 && (p.zero == 3 || (p.zero == 2 && j.habits.fsdp && p.pp == 1));
}
/// Whether products of layers alone are cut over a grid of tensor-parallel ranks, and nothing is told by which heads a rank has.
bool is_plain(const Model& m) {
  return !m.moe && !m.mla && m.residual == Residual::serial && !m.attention_sinks && !m.qkv_bias &&
         !m.mlp_bias && m.position != Position::alibi && m.qk_norm != QkNorm::per_head &&
         m.qk_norm != QkNorm::whole;
}
bool has_masters(const Job& j) {
  return j.plan.precision == Precision::fp16 || j.plan.precision == Precision::bf16 ||
         j.plan.precision == Precision::fp8;
}

// clang-format off
constexpr Feature kFeatures[] = {
  {"cluster.groups", [](const Job& j) { return j.cluster.groups.size() == 1; }, "only one group is supported", "more than one kind of node"},
  {"model.moe", [](const Job& j) { return !j.cluster.cpu() || !j.model.moe; }, "only models without experts are supported", "on CPUs a mixture of experts"},
  {"model.moe.shared_gate", [](const Job& j) { return !j.model.moe || !j.model.moe->shared_gate || !j.model.mlp_bias; }, "with model.mlp_bias only false is supported"},
  {"model.mla", [](const Job& j) { return !j.model.mla || !j.cluster.cpu(); }, "on CPUs only models without latent attention are supported", "latent attention"},
  {"model.mla", [](const Job& j) { return !j.model.mla || j.model.residual == Residual::serial; }, "only models without latent attention are supported", "latent attention beside an MLP"},
  {"model.qkv_bias", [](const Job& j) { return !j.model.mla || !j.model.qkv_bias; }, "with model.mla only false is supported"},
  {"model.qk_norm", [](const Job& j) { return !j.model.mla || j.model.qk_norm == QkNorm::none; }, "with model.mla only none is supported"},
  {"model.window", [](const Job& j) { return !j.model.mla || j.model.window == 0 || j.model.window >= j.train.sequence_length; }, "with model.mla leave it out"},
  {"model.position", [](const Job& j) { return !j.model.mla || j.model.position != Position::alibi; }, "with model.mla only learned, rope and none are supported"},
  {"model.mtp_layers", [](const Job& j) { return !j.cluster.cpu() || j.model.mtp_layers == 0; }, "only 0 is supported", "on CPUs multi-token prediction"},
  {"model.mtp_layers", [](const Job& j) { return j.model.mtp_layers == 0 || j.model.embedding_width == 0; }, "only 0 is supported", "multi-token prediction beside an embedding of another width"},
  {"model.family", [](const Job& j) { return !j.cluster.cpu() || j.model.family != Family::bert; }, "only gpt and llama are supported", "on CPUs attention both ways"},
  {"plan.cp", [](const Job& j) { return j.plan.cp == 1 || j.model.family != Family::bert; }, "with model.family bert only 1 is supported"},
  {"model.token_types", [](const Job& j) { return !j.cluster.cpu() || j.model.token_types == 0; }, "leave it out", "on CPUs token types"},
  {"model.window", [](const Job& j) { return !j.cluster.cpu() || j.model.window == 0 || j.model.window >= j.train.sequence_length; }, "leave it out, or make it as long as train.sequence_length", "on CPUs a window"},
  {"model.position", [](const Job& j) { return !j.cluster.cpu() || j.model.position != Position::alibi; }, "only learned, rope and none are supported", "on CPUs alibi"},
  {"model.rotary_dim", [](const Job& j) { return !j.cluster.cpu() || j.model.rotary_dim == 0 || j.model.rotary_dim == j.model.head_dim; }, "only model.head_dim is supported", "on CPUs a rotation of a part of a head"},
  {"model.norm", [](const Job& j) { return !j.cluster.cpu() || j.model.norm == Norm::layer || j.model.norm == Norm::rms; }, "only layer_norm and rms_norm are supported", "on CPUs another norm"},
  {"model.qk_norm", [](const Job& j) { return !j.cluster.cpu() || j.model.qk_norm == QkNorm::none; }, "only none is supported", "on CPUs a norm of queries and keys"},
  {"model.attention_sinks", [](const Job& j) { return !j.cluster.cpu() || !j.model.attention_sinks; }, "only false is supported", "on CPUs a sink of attention"},
  {"model.attention_sinks", [](const Job& j) { return !j.model.attention_sinks || !j.model.mla; }, "only false is supported", "a sink of latent attention"},
  {"model.logit_cap", [](const Job& j) { return !j.cluster.cpu() || !j.model.logit_cap; }, "only false is supported", "on CPUs a cap of logits"},
  {"plan.tp", [](const Job& j) { return j.model.qk_norm != QkNorm::whole || j.plan.tp == 1; }, "with model.qk_norm whole only 1 is supported"},
  {"software", [](const Job& j) { return !j.cluster.cpu() || (j.software == "ds-exec" && j.software_changes.empty()); }, "only ds-exec as it is is supported"},
  {"plan.cp", [](const Job& j) { return !j.cluster.cpu() || j.plan.cp == 1; }, "only 1 is supported", "on CPUs context parallelism"},
  {"plan.cp", [](const Job& j) { return j.plan.cp == 1 || j.plan.attention != Attention::unfused || j.plan.cp_kind == CpKind::all_to_all; }, "with unfused attention only 1 is supported, or plan.cp_kind all_to_all", "context parallelism"},
  {"plan.cp", [](const Job& j) { return j.plan.cp == 1 || j.plan.cp_kind != CpKind::all_to_all || j.model.kv_heads % (j.plan.tp * j.plan.cp) == 0; }, "with plan.cp_kind all_to_all only what, times plan.tp, divides model.kv_heads is supported"},
  {"plan.cp", [](const Job& j) { return j.plan.cp == 1 || j.plan.cp_kind != CpKind::ring || j.model.window == 0 || j.model.window >= j.train.sequence_length; }, "with a window only plan.cp_kind all_gather and all_to_all are supported", "a ring"},
  {"plan.ep", [](const Job& j) { return j.plan.ep == 1 || j.plan.tp == 1 || j.plan.sequence_parallel; }, "where plan.tp > 1 only with plan.sequence_parallel", "expert parallelism"},
  {"plan.ep", [](const Job& j) { return j.plan.ep == 1 || j.model.residual == Residual::serial; }, "only 1 is supported", "expert parallelism beside attention"},
  {"plan.overlap.experts", [](const Job& j) { return !j.plan.overlap.experts || j.plan.ep == 1 || j.plan.schedule == Schedule::one_f_one_b || j.plan.schedule == Schedule::interleaved || j.plan.schedule == Schedule::dualpipe; }, "only with plan.schedule 1f1b, interleaved and dualpipe", "exchanges beside another micro-batch"},
  {"plan.overlap.experts", [](const Job& j) { return !j.plan.overlap.experts || j.plan.ep == 1 || j.plan.zero <= 1; }, "only with plan.zero 0 and 1", "exchanges beside another micro-batch"},
  {"plan.overlap.experts", [](const Job& j) { return !j.plan.overlap.experts || j.plan.ep == 1 || j.plan.cp == 1 || j.plan.cp_kind != CpKind::ring; }, "only with plan.cp_kind all_gather and all_to_all", "exchanges beside another micro-batch"},
  {"plan.dispatch_precision", [](const Job& j) { return j.plan.dispatch_precision == DispatchPrecision::working || j.plan.precision == Precision::fp8; }, "only working is supported, or plan.precision fp8", "tokens in 8 bits beside products in 16"},
  {"plan.zero", [](const Job& j) { return j.plan.ep == 1 || j.plan.zero <= 1 || j.plan.tp * j.plan.zero_group > j.plan.ep * j.plan.etp; }, "where ranks share experts out and no other rank has the same ones only 0 and 1 are supported"},
  {"plan.zero_group", [](const Job& j) { return j.plan.ep == 1 || j.plan.zero == 0 || j.plan.tp * j.plan.zero_group % (j.plan.ep * j.plan.etp) == 0; }, "where plan.ep > 1 only what, times plan.tp, is a multiple of plan.ep x plan.etp is supported"},
  {"plan.etp", [](const Job& j) { return !j.model.moe || j.plan.ep > 1 || j.plan.etp == j.plan.tp; }, "where plan.ep is 1 only plan.tp is supported", "another degree than that of other layers"},
  {"plan.etp", [](const Job& j) { return !j.model.moe || j.model.moe->expert_ffn % j.plan.etp == 0; }, "only a divisor of model.moe.expert_ffn is supported"},
  {"plan.tp_grid", [](const Job& j) { return !j.cluster.cpu() || j.plan.tp_rows == 1; }, "only one row is supported", "on CPUs a grid of tensor-parallel ranks"},
  {"plan.tp_grid", [](const Job& j) { return j.plan.tp_rows == 1 || j.plan.sequence_parallel; }, "only with plan.sequence_parallel", "more rows than one"},
  {"plan.tp_grid", [](const Job& j) { return j.plan.tp_rows == 1 || is_plain(j.model); }, "only of models without experts, latent attention, parallel residuals, sinks, alibi, norms by head, and biases of queries, keys, values and MLP", "more rows than one"},
  {"plan.tp_grid", [](const Job& j) { return j.plan.tp_rows == 1 || j.plan.precision != Precision::fp8; }, "with plan.precision fp8 only one row is supported", "more rows than one"},
  {"plan.tp_grid", [](const Job& j) { return j.plan.tp_rows == 1 || j.model.kv_heads % j.plan.tp == 0; }, "only where plan.tp divides model.kv_heads", "more rows than one"},
  {"plan.tp_grid", [](const Job& j) { return j.plan.tp_rows == 1 || j.model.hidden % j.plan.tp_rows == 0; }, "only rows that divide model.hidden are supported"},
  {"plan.schedule", [](const Job& j) { return !j.cluster.cpu() || entry_of(j.plan.schedule).on_processors; }, "only gpipe, 1f1b and interleaved are supported"},
  {"plan.schedule", [](const Job& j) { return (j.plan.schedule != Schedule::dualpipe && !j.plan.turns_back()) || !j.model.tied_embeddings; }, "with tied embeddings only gpipe, 1f1b, interleaved and zb-h1 are supported"},
  {"plan.schedule", [](const Job& j) { return !j.plan.turns_back() || j.plan.pp > 1; }, "where plan.pp is 1 only gpipe, 1f1b and zb-h1 are supported"},
  {"plan.vpp", [](const Job& j) { return j.plan.vpp == 1 || j.plan.pp > 1; }, "where plan.pp is 1 only 1 is supported"},
  {"plan.zero", [](const Job& j) { return !j.cluster.cpu() || j.plan.zero <= 1; }, "only 0 and 1 are supported"},
  {"plan.zero", [](const Job& j) { return j.plan.schedule != Schedule::dualpipe || j.plan.zero <= 1; }, "with dualpipe only 0 and 1 are supported"},
  {"plan.zero_group", [](const Job& j) { return j.plan.zero == 0 || j.plan.zero_group % j.plan.cp == 0; }, "only a multiple of plan.cp is supported"},
  {"plan.zero_group", [](const Job& j) { return !j.cluster.cpu() || j.plan.zero == 0 || j.plan.zero_group == j.plan.dp * j.plan.cp; }, "only plan.dp x plan.cp is supported"},
  {"plan.precision", [](const Job& j) { return !j.cluster.cpu() || j.plan.precision == Precision::fp32 || j.plan.precision == Precision::fp64; }, "only fp32 and fp64 are supported"},
  {"plan.precision", [](const Job& j) { return j.cluster.cpu() || j.plan.precision == Precision::fp32 || j.plan.precision == Precision::tf32 || j.plan.precision == Precision::fp16 || j.plan.precision == Precision::bf16 || j.plan.precision == Precision::fp8; }, "only fp32, tf32, fp16, bf16 and fp8 are supported"},
  {"plan.reduce_precision", [](const Job& j) { return !j.cluster.cpu() || j.plan.reduce_precision != ReducePrecision::bf16; }, "only fp32 is supported"},
  {"plan.attention", [](const Job& j) { return !j.cluster.cpu() || j.plan.attention == Attention::flash || j.plan.attention == Attention::unfused; }, "only flash and unfused are supported"},
  {"plan.dropout", [](const Job& j) { return !j.cluster.cpu() || j.plan.dropout == 0; }, "only 0 is supported"},
  {"plan.fusion", [](const Job& j) { return !j.cluster.cpu() || (j.plan.fusion && j.plan.fusion_passes.empty()); }, "on CPUs only true is supported"},
  {"plan.sparsity", [](const Job& j) { return j.plan.sparsity == Sparsity::none; }, "only none is supported", "sparsity"},
  {"plan.offload.optimizer", [](const Job& j) { return !j.cluster.cpu() || !j.plan.offload_optimizer; }, "only false is supported", "on CPUs offloading"},
  {"plan.offload.activations", [](const Job& j) { return !j.cluster.cpu() || !offloads_activations(j.plan); }, "only 0 is supported", "on CPUs offloading"},
  {"plan.offload.optimizer", [](const Job& j) { return !j.plan.offload_optimizer || (host_link(j) > 0 && host_memory(j) > 0); }, "give memory_bytes_per_s and link_bytes_per_s in the node's host", "offloading where nobody says how fast the host is"},
  {"plan.offload.optimizer", [](const Job& j) { return !j.plan.offload_optimizer || has_masters(j) || j.plan.offload_weights; }, "only with plan.precision fp16, bf16 and fp8, or with plan.offload.weights", "offloading of what is trained in fp32"},
  {"plan.offload.optimizer", [](const Job& j) { return !j.plan.offload_optimizer || !j.habits.fsdp || j.plan.zero < 2 || j.plan.offload_weights; }, "with software that shards as FSDP only with plan.offload.weights, which are the masters"},
  {"plan.offload.weights", [](const Job& j) { return !j.plan.offload_weights || gathers_weights(j); }, "only where passes gather them is true supported: plan.zero 3 over more than one rank", "offloading of weights"},
  {"plan.offload.weights", [](const Job& j) { return !j.plan.offload_weights || (j.plan.offload_optimizer && j.plan.offloaded_states == kMillionths); }, "only with plan.offload.optimizer true, who updates them", "offloading of weights alone"},
  {"plan.offload.activations", [](const Job& j) { return !offloads_activations(j.plan) || host_link(j) > 0; }, "give pcie_bytes_per_s of the node's GPU, or link_bytes_per_s in the node's host", "offloading where nobody says how fast the link to the host is"},
  {"plan.offload.activations", [](const Job& j) { return !offloads_activations(j.plan) || j.plan.recompute != Recompute::full; }, "with plan.recompute full only 0 is supported: layers keep nothing but their input"},
  {"plan.offload.activations", [](const Job& j) { return !offloads_activations(j.plan) || !splits_backwards(j.plan.schedule); }, "only with plan.schedule gpipe, 1f1b and interleaved", "offloading where backwards are in two parts"},
  {"plan.overlap.tp_comm", [](const Job& j) { return !j.cluster.cpu() || !j.plan.overlap.tp_comm; }, "only false is supported"},
  {"plan.batch_shares", [](const Job& j) { return j.plan.batch_shares.empty(); }, "only equal shares are supported", "an uneven batch"},
  {"plan.placement", [](const Job& j) { return !j.cluster.cpu() || j.plan.placement == Plan{}.placement; }, "only tp-cp-ep-dp-pp is supported", "on CPUs another placement"},
  {"plan.placement", stages_are_one, "only pp as the last axis is supported", "a placement where stages of experts are not those of other layers"},
  {"plan.collectives", [](const Job& j) { return !j.cluster.cpu() || !j.plan.collectives_given; }, "leave it out", "on CPUs choosing algorithms of collectives"},
  {"simulate.stragglers", [](const Job& j) { return !j.simulate.stragglers_given; }, "leave it out", "the effect of stragglers"},
  {"prices.kwh_usd", [](const Job& j) { return !j.prices.kwh_usd || says_power(j); }, "give tdp_w of the node's GPU", "energy where nobody says what a GPU draws"},
  {"prices.pue", [](const Job& j) { return !j.prices.pue || says_power(j); }, "give tdp_w of the node's GPU", "energy where nobody says what a GPU draws"},
  {"simulate.failures.per_node_day", [](const Job& j) { return !j.simulate.failures || j.simulate.failures->per_node_day || !j.cluster.cpu(); }, "give it", "a default for nodes without GPUs"},
  {"simulate.failures.checkpoint_write_s", [](const Job& j) { return !j.simulate.failures || j.simulate.failures->checkpoint_write_s || host_link(j) > 0; }, "give it, or pcie_bytes_per_s of the node's GPU", "a default where nobody says how fast the link to the host is"},
};
// clang-format on

/// Of a step on CPUs for each micro-batch: some 32 of a layer and 20 of embedding and head, forward and backward.
std::int64_t instructions(const Job& job) { return 32 * job.model.layers + 20; }

/// Every instruction of a step on CPUs is played, laid out and measured one by one, which has its price.
bool few_layers(const Job& job) { return !job.cluster.cpu() || job.model.layers <= kMaxCpuLayers; }
bool few_instructions(const Job& job) {
  return !job.cluster.cpu() || instructions(job) * job.micro_batches() <= kMaxCpuStep;
}

InputError unsupported(const Job& job) {
  for (const Feature& feature : kFeatures)
    if (!feature.built(job))
      return {
          std::string(feature.path),
          feature.what.empty() ? "not supported yet" : fmt::format("{} is not supported yet", feature.what),
          std::string(feature.instead)};
  if (!few_layers(job))
    return {"model.layers", fmt::format("{} is more than a CPU rank takes", job.model.layers),
            fmt::format("at most {} are possible", kMaxCpuLayers)};
  return {"train.global_batch",
          fmt::format("makes {} micro-batches of some {} instructions a step", job.micro_batches(),
                      instructions(job)),
          fmt::format("at most {} instructions are possible; a larger plan.micro_batch makes fewer",
                      kMaxCpuStep)};
}

}  // namespace

std::optional<std::string_view> first_unsupported(const Job& job) {
  for (const Feature& feature : kFeatures)
    if (!feature.built(job)) return feature.path;
  if (!few_layers(job)) return "model.layers";
  if (!few_instructions(job)) return "train.global_batch";
  return std::nullopt;
}

void check_supported(const Job& job) {
  if (!first_unsupported(job)) return;
  const InputError error = unsupported(job);
  throw job.file.empty() ? error : error.in_file(job.file);
}

bool playable(const Job& job) { return job.model.layers * job.micro_batches() <= kMaxPlayedLayerPasses; }

void check_depth(const Job& job, Depth depth) {
  if (depth != Depth::event || playable(job)) return;
  const InputError error{
      "simulate.depth",
      fmt::format("event plays {} layers x {} micro-batches one by one; at most {} are played",
                  job.model.layers, job.micro_batches(), kMaxPlayedLayerPasses),
      "--depth analytic takes a fraction of the memory"};
  throw job.file.empty() ? error : error.in_file(job.file);
}

}  // namespace ds::workload
