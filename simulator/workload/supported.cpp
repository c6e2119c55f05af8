// The rows of what is valid but not built yet, and the limits of what CPU ranks are asked to play.
#include "simulator/workload/supported.h"

#include <fmt/format.h>

#include "simulator/base/error.h"
#include "simulator/workload/limits.h"
#include "simulator/workload/spellings.h"

namespace ds::workload {
namespace {

struct Feature {
  std::string_view path;
  bool (*built)(const Job&);
  std::string_view instead;  // what can be asked for today
};

// clang-format off
constexpr Feature kFeatures[] = {
  {"cluster.groups", [](const Job& j) { return j.cluster.groups.size() == 1; }, "one group is"},
  {"model.family", [](const Job& j) { return j.model.family == Family::gpt || j.model.family == Family::llama; }, "gpt and llama are"},
  {"model.moe", [](const Job& j) { return !j.model.moe; }, "models without experts are"},
  {"model.mla", [](const Job& j) { return !j.model.mla; }, "models without latent attention are"},
  {"model.mtp_layers", [](const Job& j) { return j.model.mtp_layers == 0; }, "0 is"},
  {"software", [](const Job& j) { return !j.cluster.cpu() || j.software == "ds-exec"; }, "ds-exec is"},
  {"plan.cp", [](const Job& j) { return j.plan.cp == 1; }, "1 is"},
  {"plan.ep", [](const Job& j) { return j.plan.ep == 1; }, "1 is"},
  {"plan.etp", [](const Job& j) { return j.plan.etp == 1; }, "1 is"},
  {"plan.tp", [](const Job& j) { return j.model.kv_heads % j.plan.tp == 0; }, "a divisor of model.kv_heads is"},
  {"plan.tp_grid", [](const Job& j) { return j.plan.tp_rows == 1; }, "one row is"},
  {"plan.schedule", [](const Job& j) { return !j.cluster.cpu() || entry_of(j.plan.schedule).on_processors || !is_supported(j.plan.schedule); }, "gpipe, 1f1b and interleaved are"},
  {"plan.schedule", [](const Job& j) { return is_supported(j.plan.schedule); }, "gpipe, 1f1b, interleaved, zb-h1 and dualpipe are"},
  {"plan.schedule", [](const Job& j) { return j.plan.schedule != Schedule::dualpipe || !j.model.tied_embeddings; }, "with tied embeddings 1f1b, interleaved and zb-h1 are"},
  {"plan.vpp", [](const Job& j) { return j.plan.vpp == 1 || j.plan.pp > 1; }, "1 is where plan.pp is 1"},
  {"plan.zero", [](const Job& j) { return j.plan.zero <= 1; }, "0 and 1 are"},
  {"plan.zero_group", [](const Job& j) { return j.plan.zero == 0 || j.plan.zero_group == j.plan.dp * j.plan.cp; }, "plan.dp x plan.cp is"},
  {"plan.precision", [](const Job& j) { return !j.cluster.cpu() || j.plan.precision == Precision::fp32 || j.plan.precision == Precision::fp64; }, "fp32 and fp64 are"},
  {"plan.precision", [](const Job& j) { return j.cluster.cpu() || j.plan.precision == Precision::fp32 || j.plan.precision == Precision::fp16 || j.plan.precision == Precision::bf16; }, "fp32, fp16 and bf16 are"},
  {"plan.reduce_precision", [](const Job& j) { return j.plan.reduce_precision != ReducePrecision::bf16; }, "fp32 is"},
  {"plan.recompute", [](const Job& j) { return j.plan.recompute != Recompute::layers; }, "none, selective and full are"},
  {"plan.recompute", [](const Job& j) { return j.plan.recompute != Recompute::selective || j.habits.selective_recompute == "attention_core"; }, "none and full are with this software"},
  {"plan.attention", [](const Job& j) { return !j.cluster.cpu() || j.plan.attention == Attention::flash || j.plan.attention == Attention::unfused; }, "flash and unfused are"},
  {"plan.dropout", [](const Job& j) { return !j.cluster.cpu() || j.plan.dropout == 0; }, "0 is"},
  {"plan.fusion", [](const Job& j) { return j.plan.fusion && j.plan.fusion_passes.empty(); }, "true is"},
  {"plan.sparsity", [](const Job& j) { return j.plan.sparsity == Sparsity::none; }, "none is"},
  {"plan.offload.optimizer", [](const Job& j) { return !j.plan.offload_optimizer; }, "false is"},
  {"plan.offload.activations", [](const Job& j) { return j.plan.offload_activations == 0; }, "0 is"},
  {"plan.overlap.tp_comm", [](const Job& j) { return !j.cluster.cpu() || !j.plan.overlap.tp_comm; }, "false is"},
  {"plan.batch_shares", [](const Job& j) { return j.plan.batch_shares.empty(); }, "equal shares are"},
  {"plan.placement", [](const Job& j) { return j.plan.placement == Plan{}.placement; }, "tp-cp-ep-dp-pp is"},
  {"plan.collectives", [](const Job& j) { return !j.plan.collectives_given; }, "leaving it out is"},
  {"simulate.stragglers", [](const Job& j) { return !j.simulate.stragglers_given; }, "leaving it out is"},
  {"prices.kwh_usd", [](const Job& j) { return !j.prices.kwh_usd; }, "prices.gpu_hour_usd is"},
  {"prices.pue", [](const Job& j) { return !j.prices.pue; }, "prices.gpu_hour_usd is"},
  {"simulate.failures", [](const Job& j) { return !j.simulate.failures; }, "leaving it out is"},
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
      return {std::string(feature.path), "not supported yet", std::string(feature.instead)};
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

}  // namespace ds::workload
