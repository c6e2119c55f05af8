// Rows of what Megatron-LM says no to when it starts: flags that exist, side by side. Source: validate_args of
// megatron/training/arguments.py and __post_init__ of megatron/core/transformer/transformer_config.py at d98e8a64dd.
#include <algorithm>

#include "simulator/export/megatron.h"
#include "simulator/workload/trainers.h"

namespace ds::exports::megatron {
namespace {

using workload::CudaGraphs;
using workload::Job;
using workload::Module;
using workload::Recompute;

struct Row {
  std::string_view path;
  bool (*taken)(const Job&);
  std::string_view wrong, right;
};

bool recomputes_layers(const Job& j) {
  return j.plan.recompute == Recompute::full || j.plan.recompute == Recompute::layers;
}

bool recomputes(const Job& j, Module module) {
  return j.plan.recompute == Recompute::modules && has(j.plan.recompute_modules, module);
}

bool recomputes_attention(const Job& j) {
  return j.plan.recompute == Recompute::selective || recomputes(j, Module::core_attn);
}

// clang-format off
constexpr Row kRows[] = {
  {"plan.overlap.param_gather",
   [](const Job& j) { return !j.plan.overlap.param_gather || j.plan.overlap.grad_reduce; },
   "is true, which Megatron-LM takes only where plan.overlap.grad_reduce is true", "both or none can be exported"},
  {"plan.overlap.p2p",
   [](const Job& j) { return j.plan.vpp == 1 || j.plan.overlap.p2p || j.plan.pp > 2; },
   "is false, which Megatron-LM refuses for two stages of several chunks", "true can be exported"},
  {"train.sequence_length",
   [](const Job& j) { return j.plan.cp == 1 || j.train.sequence_length % (2 * j.plan.cp) == 0; },
   "is no multiple of twice plan.cp, which Megatron-LM wants of every kind of context parallelism", "a multiple can be exported"},
  {"plan.zero",
   [](const Job& j) { return j.plan.zero < 2 || j.plan.dp * j.plan.cp > 1; },
   "shards gradients over one rank, which Megatron-FSDP does not", "0 and 1 can be exported"},
  {"plan.offload.optimizer",
   [](const Job& j) { return !j.plan.offload_optimizer || j.plan.zero == 1; },
   "is not possible in Megatron-LM but with the distributed optimizer", "with plan.zero 1 it can be exported"},
  {"plan.offload.activations",
   [](const Job& j) { return j.plan.offload_activations == 0 || j.plan.pp == 1; },
   "is not possible in a pipeline of Megatron-LM", "with plan.pp 1 it can be exported"},
  {"plan.offload.activations",
   [](const Job& j) { return j.plan.offload_activations == 0 || j.plan.recompute == Recompute::none; },
   "is not possible in Megatron-LM beside recompute", "with plan.recompute none it can be exported"},
  {"plan.offload.activations",
   [](const Job& j) { return j.plan.offload_activations < j.model.layers; },
   "is all layers, Megatron-LM offloads fewer than there are", "fewer can be exported"},
  {"plan.offload.activations",
   [](const Job& j) { return j.plan.offload_activations == 0 || j.plan.cuda_graphs != CudaGraphs::partial; },
   "is not possible in Megatron-LM beside CUDA graphs of layers", "with plan.cuda_graphs none it can be exported"},
  {"plan.cuda_graphs",
   [](const Job& j) { return j.plan.cuda_graphs != CudaGraphs::partial || !recomputes_layers(j); },
   "is partial; Megatron-LM recomputes layers only where nothing or a whole step is one CUDA graph", "none can be exported"},
  {"plan.cuda_graphs",
   [](const Job& j) { return j.plan.cuda_graphs == CudaGraphs::none || j.plan.dropout == 0 || !recomputes_attention(j); },
   "is not none; Megatron-LM refuses dropout of attention that is recomputed within a CUDA graph", "none can be exported"},
  {"plan.cuda_graphs",
   [](const Job& j) { return j.plan.cuda_graphs != CudaGraphs::full || j.plan.dropout == 0 || !recomputes(j, Module::mlp); },
   "is full; Megatron-LM refuses dropout of an MLP that is recomputed within a CUDA graph", "none and partial can be exported"},
  {"plan.overlap.experts",
   [](const Job& j) { return !j.plan.overlap.experts || !j.plan.overlap.shared_experts; },
   "is true beside plan.overlap.shared_experts, which Megatron-LM refuses", "one of them can be exported"},
  {"plan.sequence_parallel",
   [](const Job& j) { return !j.model.moe || j.plan.tp == 1 || j.plan.sequence_parallel; },
   "is false, which Megatron-LM refuses where plan.tp > 1 and there are experts", "true can be exported"},
};
// clang-format on

}  // namespace

Job as_run(Job plain) {
  if (plain.plan.cuda_graphs == CudaGraphs::partial && recomputes_layers(plain) &&
      left_to_software(plain, "plan.cuda_graphs"))
    plain.plan.cuda_graphs = CudaGraphs::none;
  return plain;
}

void check_taken(const Job& plain) {
  if (const auto warnings = workload::trainer_warnings(plain); !warnings.empty())
    throw InputError(warnings.front().path, warnings.front().text);
  const auto* const refused = std::ranges::find_if(kRows, [&](const Row& row) { return !row.taken(plain); });
  if (refused != std::end(kRows))
    throw InputError(std::string(refused->path), std::string(refused->wrong), std::string(refused->right));
}

}  // namespace ds::exports::megatron
