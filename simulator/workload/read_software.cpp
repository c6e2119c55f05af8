#include "simulator/workload/read_software.h"

#include <array>
#include <optional>
#include <string>

#include "simulator/workload/limits.h"
#include "simulator/workload/presets.h"
#include "simulator/workload/spellings.h"

namespace ds::workload {
namespace {

constexpr std::array<std::string_view, 28> kHabits{"vocab_multiple",
                                                   "vocab_multiple_times_tp",
                                                   "overlap",
                                                   "flash",
                                                   "gradient_type",
                                                   "fp16_gradient_type",
                                                   "reduce_type",
                                                   "selective_recompute",
                                                   "fusions",
                                                   "pipeline_scatter_gather",
                                                   "fsdp",
                                                   "dummy_weight_gradients",
                                                   "keeps_gradients",
                                                   "loss_copies",
                                                   "workspaces",
                                                   "buckets",
                                                   "separate_products",
                                                   "dispatch",
                                                   "expert_probabilities",
                                                   "pads_expert_rows",
                                                   "block_products",
                                                   "cache_bits",
                                                   "moments",
                                                   "flat_gradients",
                                                   "host",
                                                   "cuda_graphs",
                                                   "deterministic",
                                                   "allocator"};
constexpr std::int64_t kMostVocabMultiple = 1LL << 16, kMostLossCopies = 4, kMostBuckets = 64, kMostSms = 64,
                       kMostBucketElements = 1LL << 40;

/// What cuBLAS takes more in its two threads, forward and autograd, where CUBLAS_WORKSPACE_CONFIG is :4096:8, as deterministic runs ask
/// for (cuBLAS documentation, "Results reproducibility"; Megatron-LM's --deterministic-mode): 32 MiB, which is Hopper's default, instead
/// of 8.125 (torch, getChosenWorkspaceSize).
std::int64_t deterministic_bytes(std::string_view arch) {
  constexpr std::int64_t kAsked = 32LL << 20, kUsual = (8LL << 20) + (128LL << 10);
  return arch.starts_with("sm90") ? 0 : 2 * (kAsked - kUsual);
}

void only(const Cursor& at, std::initializer_list<std::string_view> beside) {
  std::vector<std::string_view> keys(beside);
  keys.insert(keys.end(), kHabits.begin(), kHabits.end());
  at.only(keys);
}

/// Of the first entry whose arch begins the GPU's.
void read_workspaces(const Cursor& at, std::string_view arch, Software& habits) {
  bool found = false;
  for (const Cursor& entry : at.list(0, 64)) {
    entry.only({"arch", "bytes", "grouped_bytes"});
    const auto bytes = [&](std::string_view key) {
      return static_cast<std::int64_t>(entry.member(key).none_or_within(kMemory));
    };
    const std::int64_t single = bytes("bytes"), grouped = bytes("grouped_bytes");
    if (found || !arch.starts_with(entry.member("arch").text())) continue;
    found = true;
    habits.workspace_bytes = single;
    habits.grouped_workspace_bytes = grouped;
  }
}

Software read_habits(const Cursor& preset, const std::optional<Cursor>& changes, std::string_view arch) {
  const auto of = [&](std::string_view key) {
    const std::optional<Cursor> changed = changes ? changes->find(key) : std::nullopt;
    return changed ? *changed : preset.member(key);
  };
  constexpr std::string_view kTypes[] = {"fp32", "bf16", "working"};
  constexpr std::string_view kSelective[] = {"attention_core", "norms_and_activations", "per_operator"};
  constexpr std::string_view kAllocators[] = {"torch_caching", "arena"};
  Software habits;
  habits.name = preset.member("name").text();
  habits.vocab_multiple = of("vocab_multiple").count(1, kMostVocabMultiple);
  habits.vocab_multiple_times_tp = of("vocab_multiple_times_tp").boolean();
  const auto inside = [&](std::string_view key, std::string_view part) {
    const std::optional<Cursor> changed = of(key).find(part);
    return changed ? *changed : preset.member(key).member(part);
  };
  of("overlap").only({"grad_reduce", "param_gather", "tp_comm", "p2p", "experts", "shared_experts"});
  habits.overlap = {.grad_reduce = inside("overlap", "grad_reduce").boolean(),
                    .param_gather = inside("overlap", "param_gather").boolean(),
                    .tp_comm = inside("overlap", "tp_comm").boolean(),
                    .p2p = inside("overlap", "p2p").boolean(),
                    .experts = inside("overlap", "experts").boolean(),
                    .shared_experts = inside("overlap", "shared_experts").boolean()};
  habits.flash = of("flash").one_of(kAttentions);
  habits.gradient_type = kTypes[of("gradient_type").choose(kTypes)];
  habits.fp16_gradient_type = kTypes[of("fp16_gradient_type").choose(kTypes)];
  habits.reduce_type = kTypes[of("reduce_type").choose(kTypes)];
  habits.selective_recompute = kSelective[of("selective_recompute").choose(kSelective)];
  for (const Cursor& pass : of("fusions").list(0, 64))
    habits.fusions.emplace_back(kFusions[pass.choose(kFusions)]);
  habits.allocator = kAllocators[preset.member("allocator").choose(kAllocators)];
  habits.pipeline_scatter_gather = of("pipeline_scatter_gather").boolean();
  habits.fsdp = of("fsdp").boolean();
  habits.dummy_weight_gradients = of("dummy_weight_gradients").boolean();
  habits.keeps_gradients = of("keeps_gradients").boolean();
  habits.loss_copies = of("loss_copies").count(0, kMostLossCopies);
  read_workspaces(of("workspaces"), arch, habits);
  habits.deterministic = of("deterministic").boolean();
  if (habits.deterministic) habits.workspace_bytes += deterministic_bytes(arch);
  of("buckets").only({"count", "elements"});
  habits.bucket_count = inside("buckets", "count").count(0, kMostBuckets);
  habits.bucket_elements = inside("buckets", "elements").count(0, kMostBucketElements);
  habits.separate_products = of("separate_products").boolean();
  of("dispatch").only({"kind", "fp8", "sms"});
  habits.dispatch = inside("dispatch", "kind").one_of(kDispatches);
  habits.dispatch_sms = inside("dispatch", "sms").count(0, kMostSms);
  habits.dispatch_in_fp8 = inside("dispatch", "fp8").boolean();
  constexpr std::string_view kProbabilities[] = {"results", "activations"};
  habits.experts_multiply = of("expert_probabilities").choose(kProbabilities) == 1;
  habits.pads_expert_rows = of("pads_expert_rows").boolean();
  constexpr std::string_view kBlockProducts[] = {"library", "own"};
  habits.block_products = of("block_products").choose(kBlockProducts) == 1;
  of("cache_bits").only({"activation_inputs", "attention_outputs"});
  const auto bits = [&](std::string_view what) {
    const Cursor at = inside("cache_bits", what);
    const std::int64_t count = at.count(0, 12);
    if (count != 0 && count != 8 && count != 12) at.fail_value("0 (as they are), 8 or 12");
    return count;
  };
  habits.activation_input_bits = bits("activation_inputs");
  habits.attention_output_bits = bits("attention_outputs");
  constexpr std::string_view kMoments[] = {"fp32", "bf16"};
  habits.narrow_moments = of("moments").choose(kMoments) == 1;
  habits.flat_gradients = of("flat_gradients").boolean();
  of("host").only({"kernel_s", "communication_s"});
  habits.host = {.kernel_s = inside("host", "kernel_s").none_or_within(kLatency),
                 .communication_s = inside("host", "communication_s").none_or_within(kLatency)};
  habits.cuda_graphs = of("cuda_graphs").one_of(kCudaGraphs);
  return habits;
}

}  // namespace

Software software_preset(const std::string& name, const Cursor& asker, std::string_view arch) {
  const Document document = preset_document(PresetKind::software, name, asker);
  only(document.root(), {"name", "source", "note"});
  return read_habits(document.root(), std::nullopt, arch);
}

Software read_software(const Cursor& asked, std::string_view arch) {
  if (asked.is_text()) return software_preset(asked.text(), asked, arch);
  if (!asked.is_object()) asked.fail_value("a preset's name, or an object with base and keys of its file");
  only(asked, {"base"});
  if (asked.find("allocator"))
    asked.member("allocator").fail("cannot be set", "it is the preset's, which says who binds memory");
  const Cursor base = asked.member("base");
  const Document document = preset_document(PresetKind::software, base.text(), base);
  only(document.root(), {"name", "source", "note"});
  return read_habits(document.root(), asked, arch);
}

}  // namespace ds::workload
