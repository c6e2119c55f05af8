// The kernels that a launch of Megatron-LM asks for: what is fused, how attention is computed, what CUDA graphs replay. Defaults are
// those of its arguments.py and transformer_config.py at d98e8a64dd.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <string>
#include <vector>

#include "simulator/base/json.h"
#include "simulator/convert/megatron.h"

namespace ds::convert::megatron {
namespace {

/// What is fused unless a flag says otherwise, and what of the loss and of experts is asked for. Scales of 8-bit numbers have been
/// made together since Transformer Engine 2.9.
void take_fusions(const Flags& flags, Draft& draft) {
  std::vector<std::string> passes;
  bool all = true;
  const auto put = [&](std::string_view pass, bool fused) {
    all = all && fused;
    if (fused) passes.push_back(json_text(pass));
  };
  put("bias_gelu", !flags.on("--no-bias-gelu-fusion"));
  put("bias_swiglu", !flags.on("--no-bias-swiglu-fusion"));
  put("bias_dropout_add", !flags.on("--no-bias-dropout-fusion"));
  put("layer_norm", true);
  put("rms_norm", true);
  put("rope", !flags.on("--no-rope-fusion"));
  const auto take = [&](const char* name, std::string_view pass) { put(pass, flags.on(name)); };
  take("--cross-entropy-loss-fusion", "cross_entropy");  // else Megatron-LM keeps logits in fp32
  if (flags.find("--num-experts") != nullptr) {
    take("--moe-router-fusion", "router");
    take("--moe-permute-fusion", "permute");
    if (flags.find("--fp8-format") != nullptr) put("fp8_scales", true);
  }
  if (!all) draft.set_json("plan.fusion", fmt::format("[{}]", fmt::join(passes, ", ")));
}

/// Whether rows of experts are copied to whole tiles, because the router has not sent them so.
bool pads_rows(const Flags& flags) {
  return flags.find("--fp8-format") != nullptr && flags.find("--num-experts") != nullptr &&
         !flags.on("--moe-router-padding-for-fp8") && !flags.on("--moe-router-padding-for-quantization");
}

/// Of Transformer Engine's kernels. `auto` and `fused` are what the preset has; FlashAttention's own come in versions.
void take_backend(const Flags& flags, bool local, const Asked& asked, Draft& draft) {
  const Flag* backend = flags.find("--attention-backend");
  constexpr std::string_view kBackends[] = {"auto", "flash", "fused", "unfused", "local"};
  const std::string_view word = backend != nullptr ? std::string_view(only_value(*backend)) : kBackends[0];
  if (std::ranges::find(kBackends, word) == std::end(kBackends))
    fail(*backend, fmt::format("is {}", json_text(word)),
         fmt::format("{} are possible", fmt::join(kBackends, ", ")));
  const Flag* from = backend != nullptr ? backend : flags.find("--use-flash-attn");
  const bool scores = word == "unfused" || word == "local" || (local && !flags.on("--use-flash-attn"));
  if (scores || word != "flash") {
    draft.set_text("plan.attention", scores ? "unfused" : "flash", from);
    return;
  }
  const Flag* version = flags.find("--flash-attention-version");
  if (version == nullptr)
    draft.notes.emplace_back(
        "assumed: --attention-backend flash is FlashAttention 2; --flash-attention-version 3 says otherwise");
  const std::int64_t number = version != nullptr ? count_of(*version) : 2;
  if (number != 2 && number != 3)
    refuse(*version, "FlashAttention of another version than 2 and 3", asked, draft);
  draft.set_text("plan.attention", number == 2 ? "flash2" : "flash3", version != nullptr ? version : from);
}

void take_implementation(const Flags& flags, const Asked& asked, Draft& draft) {
  const Flag* transformer = flags.find("--transformer-impl");
  const bool local = transformer != nullptr && only_value(*transformer) == "local";
  if (transformer != nullptr && !local && only_value(*transformer) != "transformer_engine")
    fail(*transformer,
         fmt::format("is {}, which cannot be predicted yet", json_text(only_value(*transformer))),
         "transformer_engine and local can");
  const char* const preset = local ? "megatron-lm-2022" : "megatron-te";
  std::string changes;
  const Flag* changed = transformer;
  const auto change = [&](const char* name, const char* key) {
    const Flag* flag = flags.find(name);
    if (flag == nullptr) return;
    expect_switch(*flag);
    changes += key;
    changed = flag;
  };
  change("--activation-func-fp8-input-store", R"(, "cache_bits": {"activation_inputs": 8})");
  change("--deterministic-mode", R"(, "deterministic": true)");
  // In bf16 it is so without being asked (validate_args).
  if (flags.on("--accumulate-allreduce-grads-in-fp32") && flags.on("--fp16"))
    change("--accumulate-allreduce-grads-in-fp32", R"(, "fp16_gradient_type": "fp32")");
  if (pads_rows(flags)) changes += R"(, "pads_expert_rows": true)";
  if (changes.empty())
    draft.set_text("software", preset, transformer);
  else
    draft.set_json("software", fmt::format(R"({{"base": "{}"{}}})", preset, changes), changed);
  if (!local) take_fusions(flags, draft);
  take_backend(flags, local, asked, draft);
}

/// What CUDA graphs replay. Without a flag nothing, whatever recipes of the preset's kind do.
void take_graphs(const Flags& flags, Draft& draft) {
  const Flag* impl = flags.find("--cuda-graph-impl");
  // The newer name of the same; without one whole layers are.
  const Flag* scope = flags.find("--cuda-graph-scope|--cuda-graph-modules");
  const Flag* on = impl;
  for (const char* name : {"--enable-cuda-graph", "--external-cuda-graph"})
    if (const Flag* one = flags.find(name)) expect_switch(*one), on = one;
  const bool any = on != nullptr && (on != impl || only_value(*impl) != "none");
  bool whole = flags.find("--num-experts") == nullptr;
  if (scope != nullptr)
    for (const Word& word : scope->values) whole = whole && word.text.starts_with("full");
  draft.set_text("plan.cuda_graphs", !any ? "none" : whole ? "full" : "partial", on);
}

}  // namespace

void take_kernels(const Flags& flags, const Asked& asked, Draft& draft) {
  take_implementation(flags, asked, draft);
  take_graphs(flags, draft);
}

}  // namespace ds::convert::megatron
