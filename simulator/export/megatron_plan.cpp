// The plan in Megatron-LM's flags: the other direction of simulator/convert/megatron_plan.cpp, megatron_stages.cpp and
// megatron_kernels.cpp.
#include <algorithm>

#include "simulator/export/megatron.h"
#include "simulator/export/plain_job.h"
#include "simulator/workload/spellings.h"

namespace ds::exports::megatron {
namespace {

using workload::Job;
using workload::Plan;

void put_degrees(const Job& job, Writer& out) {
  const Plan& p = job.plan;
  if (p.cp > 1) out.put(Part::plan, "--context-parallel-size", p.cp);
  if (job.model.moe && p.ep > 1) {
    out.put(Part::plan, "--expert-model-parallel-size", p.ep);
    const bool alone = p.dispatch == workload::Dispatch::all_to_all;
    out.put(Part::plan, "--moe-token-dispatcher-type", std::string_view(alone ? "alltoall" : "flex"));
    if (!alone)
      out.put(Part::plan, "--moe-flex-dispatcher-backend",
              std::string_view(p.dispatch == workload::Dispatch::hybrid ? "hybridep" : "deepep"));
  }
  if (job.model.moe) out.put(Part::plan, "--expert-tensor-parallel-size", p.etp);
  out.put_if(p.sequence_parallel, Part::plan, "--sequence-parallel");
  out.put_if(p.placement == "tp-cp-ep-pp-dp", Part::plan, "--use-tp-pp-dp-mapping");
}

/// Et*3|t*4|...|t*3L: chunk after chunk as the model goes through them. Multi-token prediction stands with the loss.
std::string layout(const Job& job) {
  const Plan& p = job.plan;
  std::string text = "E";
  for (std::size_t chunk = 0; chunk < static_cast<std::size_t>(p.chunks()); ++chunk)
    for (std::size_t stage = 0; stage < p.stage_layers.size(); ++stage) {
      if (stage + chunk > 0) text += '|';
      if (const std::int64_t n = p.stage_layers[stage][chunk]; n > 0)
        text += n == 1 ? "t" : fmt::format("t*{}", n);
    }
  text += std::string(static_cast<std::size_t>(job.model.mtp_layers), 'm');
  return text + "L";
}

void put_stages(const Job& job, Writer& out) {
  const Plan& p = job.plan;
  if (p.pp == 1) return;
  const std::int64_t first = p.stage_layers.front().front();
  const bool even = std::ranges::all_of(p.stage_layers, [&](const auto& stage) {
    return std::ranges::all_of(stage, [&](std::int64_t n) { return n == first; });
  });
  // Without a layout layers of multi-token prediction would count as others do.
  if (!even || job.model.mtp_layers > 0)
    out.put(Part::plan, "--pipeline-model-parallel-layout", layout(job));
  else if (p.vpp > 1)
    out.put(Part::plan, "--num-virtual-stages-per-pipeline-rank", p.vpp);
  // Only chunks can send and receive beside work.
  out.put_if(p.vpp > 1 && !p.overlap.p2p, Part::plan, "--no-overlap-p2p-communication");
}

void put_sharding(const Job& job, Writer& out) {
  const Plan& p = job.plan;
  out.put_if(p.zero > 0, Part::plan, "--use-distributed-optimizer");
  if (p.zero > 1) {
    out.put(Part::plan, "--use-megatron-fsdp");
    out.put(Part::plan, "--data-parallel-sharding-strategy",
            std::string_view(p.zero == 2 ? "optim_grads" : "optim_grads_params"));
  }
  const std::int64_t shared = p.dp * p.cp;
  if (p.zero > 0 && p.zero_group != shared && p.zero_group > 0)
    out.put(Part::plan, "--num-distributed-optimizer-instances", shared / p.zero_group);
}

void put_recompute(const Job& job, Writer& out) {
  using workload::Recompute;
  const Plan& p = job.plan;
  if (p.recompute == Recompute::none) return;
  const bool whole = p.recompute == Recompute::full || p.recompute == Recompute::layers;
  out.put(Part::plan, "--recompute-granularity", std::string_view(whole ? "full" : "selective"));
  if (p.recompute == Recompute::full) {
    out.put(Part::plan, "--recompute-method", std::string_view("uniform"));
    out.put(Part::plan, "--recompute-num-layers", 1);
  }
  if (p.recompute == Recompute::layers) {
    // So many of each chunk.
    if (p.recompute_layers % p.chunks() != 0)
      throw InputError(
          "plan.recompute",
          fmt::format("is {} layers of a stage; Megatron-LM recomputes as many of each of its {} "
                      "chunks",
                      p.recompute_layers, p.chunks()),
          "a multiple of plan.vpp can be exported");
    out.put(Part::plan, "--recompute-method", std::string_view("block"));
    out.put(Part::plan, "--recompute-num-layers", p.recompute_layers / p.chunks());
  }
  if (p.recompute != Recompute::modules) return;
  std::vector<std::string> modules;
  for (const auto& module : workload::kModules)
    if (has(p.recompute_modules, module.value)) modules.emplace_back(module.name);
  out.put_list(Part::plan, "--recompute-modules", std::move(modules));
}

void put_offloading(const Job& job, Writer& out) {
  const Plan& p = job.plan;
  if (p.offload_optimizer) {
    out.put(Part::plan, "--use-precision-aware-optimizer");
    out.put(Part::plan, "--optimizer-offload-fraction",
            static_cast<double>(p.offloaded_states) / static_cast<double>(workload::kMillionths));
  }
  if (p.offload_activations > 0) out.put(Part::plan, "--cpu-offloading-num-layers", p.offload_activations);
}

void put_precision(const Job& job, Writer& out) {
  using workload::Precision;
  const Plan& p = job.plan;
  const bool eight = p.precision == Precision::fp8;
  out.put_if(p.precision == Precision::fp16, Part::precision, "--fp16");
  out.put_if(p.precision == Precision::bf16 || eight, Part::precision, "--bf16");
  if (eight)
    out.put(Part::precision, "--fp8-format",
            std::string_view(p.fp8_recipe == "mxfp8" || p.fp8_recipe == "block" ? "e4m3" : "hybrid"));
  out.put_if(p.reduce_precision == workload::ReducePrecision::bf16, Part::precision, "--grad-reduce-in-bf16");
  out.put_if(p.precision == Precision::fp16 && job.habits.fp16_gradient_type == "fp32", Part::precision,
             "--accumulate-allreduce-grads-in-fp32");
  out.put_if(eight && job.model.moe && !job.habits.pads_expert_rows, Part::precision,
             "--moe-router-padding-for-quantization");
}

void put_fusions(const Job& job, Writer& out) {
  const std::vector<std::string_view> passes = fusions_that_count(job);
  const auto has = [&](std::string_view pass) { return std::ranges::find(passes, pass) != passes.end(); };
  const bool rotates = job.model.position == workload::Position::rope || job.model.mla;
  out.put_if(!job.model.gated_mlp && !has("bias_gelu"), Part::kernels, "--no-bias-gelu-fusion");
  out.put_if(job.model.gated_mlp && !has("bias_swiglu"), Part::kernels, "--no-bias-swiglu-fusion");
  out.put_if(!has("bias_dropout_add"), Part::kernels, "--no-bias-dropout-fusion");
  out.put_if(rotates && !has("rope"), Part::kernels, "--no-rope-fusion");
  out.put_if(has("cross_entropy"), Part::kernels, "--cross-entropy-loss-fusion");
  out.put_if(has("router"), Part::kernels, "--moe-router-fusion");
  out.put_if(has("permute"), Part::kernels, "--moe-permute-fusion");
}

void put_attention(const Job& job, Writer& out) {
  using workload::Attention;
  const Attention attention = job.plan.attention;
  const auto backend = [&](std::string_view word) { out.put(Part::kernels, "--attention-backend", word); };
  const bool flash = attention != Attention::unfused && attention != Attention::cudnn;
  backend(flash ? "flash" : attention == Attention::cudnn ? "fused" : "unfused");
  if (!flash) return;
  const int version = attention == Attention::flash3 ? 3 : attention == Attention::flash2 ? 2 : 1;
  out.put(Part::kernels, "--flash-attention-version", version);
}

/// Layers one by one, with experts all that does not wait for their sizes; a whole step where layers are recomputed, which
/// graphs of layers do not take.
void put_graphs(const Job& job, Writer& out) {
  using workload::CudaGraphs;
  using workload::Recompute;
  const Plan& p = job.plan;
  if (p.cuda_graphs == CudaGraphs::none) return;
  const bool layers = p.recompute == Recompute::full || p.recompute == Recompute::layers;
  const bool step = p.cuda_graphs == CudaGraphs::full && (layers || p.offload_activations > 0);
  out.put(Part::kernels, "--cuda-graph-impl", std::string_view(step ? "full_iteration" : "local"));
  out.put_if(step, Part::kernels, "--no-check-for-nan-in-loss-and-grad");
  if (p.cuda_graphs == CudaGraphs::partial)
    out.put(Part::kernels, "--cuda-graph-modules", std::string_view("attn"));
}

}  // namespace

void put_plan(const Job& plain, Writer& out) {
  put_degrees(plain, out);
  put_stages(plain, out);
  put_sharding(plain, out);
  put_recompute(plain, out);
  put_offloading(plain, out);
  for (const char* name : {"--attention-dropout", "--hidden-dropout"})
    out.put(Part::plan, name, plain.plan.dropout);
}

void put_kernels(const Job& plain, Writer& out) {
  put_precision(plain, out);
  const bool local = plain.software == "megatron-lm-2022";
  out.put(Part::kernels, "--transformer-impl", std::string_view(local ? "local" : "transformer_engine"));
  if (!local) {
    put_fusions(plain, out);
    put_attention(plain, out);
  }
  out.put_if(local && plain.plan.attention != workload::Attention::unfused, Part::kernels,
             "--use-flash-attn");
  put_graphs(plain, out);
  out.put_if(plain.habits.deterministic, Part::kernels, "--deterministic-mode");
}

}  // namespace ds::exports::megatron
