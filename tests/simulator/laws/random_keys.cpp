// Keys of models and plans beyond the plain ones, drawn so that a good part of what they make is legal.
#include <fmt/format.h>

#include <algorithm>
#include <string_view>

#include "tests/simulator/laws/random_jobs.h"

namespace ds::laws {
namespace {

using support::Draw;
using Keys = std::vector<std::string>;

/// Keys of a model that any family may have, one or two of them.
void add_architecture(Draw& draw, Keys& keys) {
  static constexpr std::string_view kOnes[] = {"model.qkv_bias=true",
                                               "model.projection_bias=true",
                                               "model.mlp_bias=true",
                                               "model.head_bias=true",
                                               "model.embedding_norm=true",
                                               "model.final_norm=false",
                                               "model.logit_cap=true",
                                               "model.positions=8192",
                                               "model.embedding_width=24",
                                               "model.rotary_dim=8",
                                               "model.norm=layer_norm_without_bias",
                                               "model.norm=layer_norm_without_gain",
                                               "model.norm_place=behind",
                                               "model.norm_place=around",
                                               "model.norm_place=after",
                                               "model.residual=parallel",
                                               "model.residual=parallel_two_norms",
                                               "model.qk_norm=shared",
                                               "model.qk_norm=per_head",
                                               "model.qk_norm=whole",
                                               "model.window=40",
                                               "model.position=rope",
                                               "model.position=alibi",
                                               "model.position=none",
                                               "model.unrotated_layers=1",
                                               "model.gated_mlp=true",
                                               "model.gated_mlp=false",
                                               "model.mtp_layers=1",
                                               "model.mtp_layers=2",
                                               "model.token_types=2",
                                               "model.attention_sinks=true",
                                               "model.family=bert"};
  for (std::int64_t count = draw.from(1, 2); count > 0; --count)
    keys.emplace_back(kOnes[static_cast<std::size_t>(draw.from(0, std::ssize(kOnes) - 1))]);
  if (keys.back() == "model.window=40" && draw.coin()) keys.emplace_back("model.full_layers=1");
}

void add_latent_attention(Draw& draw, Keys& keys) {
  const std::string queries = draw.coin() ? R"("q_lora_rank": 48, )" : "";
  keys.push_back(fmt::format(
      R"(model.mla={{{}"kv_lora_rank": {}, "qk_nope_head_dim": {}, "qk_rope_head_dim": 8, "v_head_dim": {}}})",
      queries, draw.one_of({16, 64}), draw.one_of({16, 32}), draw.one_of({16, 24})));
}

void add_experts(Draw& draw, Keys& keys) {
  const auto ep = draw.one_of<std::int64_t>({1, 2, 2, 3, 4}), etp = draw.one_of<std::int64_t>({1, 1, 2});
  const std::string load = draw.from(0, 3) > 0 ? ""
                           : draw.coin()       ? R"(, "capacity_factor": 1.25)"
                                               : R"(, "skew": 1.5)";
  keys.emplace_back("model.family=moe");
  keys.push_back(fmt::format(
      R"(model.moe={{"experts": {}, "top_k": {}, "expert_ffn": {}, "shared_experts": {}, "dense_layers": {}{}}})",
      ep * draw.from(2, 4), draw.from(1, 2), 8 * draw.from(1, 12), draw.from(0, 1), draw.from(0, 1), load));
  if (ep == 1) return;
  keys.push_back(fmt::format("plan.ep={}", ep));
  if (etp > 1) keys.push_back(fmt::format("plan.etp={}", etp));
  keys.emplace_back("plan.sequence_parallel=true");
}

void add_plan(Draw& draw, Keys& keys) {
  if (draw.from(0, 2) == 0) {
    keys.emplace_back("plan.precision=fp8");
    keys.push_back(fmt::format("plan.fp8_recipe={}",
                               draw.one_of({"tensor_delayed", "tensor_current", "block", "mxfp8"})));
    if (draw.coin()) keys.emplace_back("cluster.node.gpu=h100-sxm5-80g");
  }
  if (draw.from(0, 5) == 0) keys.emplace_back("plan.precision=tf32");
  if (draw.from(0, 3) == 0) keys.emplace_back("plan.reduce_precision=bf16");
  if (draw.from(0, 3) == 0) keys.push_back(fmt::format("plan.zero_group={}", draw.one_of({1, 2, 4})));
  if (draw.from(0, 3) == 0)
    keys.push_back(fmt::format("plan.placement={}",
                               draw.one_of({"tp-cp-ep-dp-pp", "cp-tp-ep-dp-pp", "tp-pp-cp-ep-dp"})));
  if (draw.from(0, 3) == 0)
    keys.push_back(
        fmt::format("plan.recompute={}",
                    draw.one_of({R"(["mlp"])", R"(["core_attn", "layernorm"])", R"(["moe", "mla_up_proj"])",
                                 R"(["moe_act", "shared_experts", "layernorm"])"})));
  if (draw.from(0, 4) == 0) keys.push_back(fmt::format("plan.offload.activations={}", draw.from(1, 2)));
  if (draw.from(0, 4) == 0) {
    keys.emplace_back(R"(cluster.node.host={"memory_bytes_per_s": 2e11})");
    keys.push_back(fmt::format("plan.offload.optimizer={}", draw.one_of({"true", "0.3", "0.75"})));
    if (keys.back().ends_with("true") && draw.coin()) {
      keys.emplace_back("plan.zero=3");
      keys.emplace_back("plan.offload.weights=true");
    }
  }
  if (draw.from(0, 5) == 0)
    keys.push_back(fmt::format("plan.collectives.{}={}", draw.one_of({"tp", "dp", "ep"}),
                               draw.one_of({"ring", "tree", "direct", "halving_doubling"})));
  if (draw.from(0, 3) == 0) keys.push_back(fmt::format("plan.attention=flash{}", draw.from(1, 3)));
  if (draw.from(0, 2) == 0)
    keys.push_back(
        fmt::format("software={}", draw.one_of({"megatron-core", "pytorch-ddp", "pytorch-ddp-eager",
                                                "deepspeed", "megatron-deepspeed", "fsdp-llm-foundry"})));
  if (draw.from(0, 3) == 0)
    keys.push_back(fmt::format(
        R"(software={{"base": "{}", "expert_probabilities": "{}", "cache_bits": {{"activation_inputs": {}, "attention_outputs": {}}}, "moments": "{}", "flat_gradients": {}, "keeps_gradients": {}, "loss_copies": {}}})",
        draw.one_of({"megatron-te", "hai-llm", "deepspeed", "torchtitan"}),
        draw.one_of({"results", "activations"}), draw.one_of({0, 8, 12}), draw.one_of({0, 8, 12}),
        draw.one_of({"fp32", "bf16"}), draw.coin(), draw.coin(), draw.from(0, 2)));
}

/// Behind all others, so that seeds go on meaning what they meant.
void add_later_keys(Draw& draw, Keys& keys) {
  const bool has_experts = std::ranges::find(keys, "model.family=moe") != keys.end();
  if (has_experts && draw.coin()) keys.emplace_back("model.moe.shared_gate=true");
  if (draw.from(0, 3) == 0)
    keys.push_back(fmt::format("plan.collectives.{}={}", draw.one_of({"tp", "cp", "ep", "dp"}),
                               draw.one_of({"hierarchical", "grid2d", "bruck", "recursive_doubling"})));
  if (draw.from(0, 5) == 0)
    keys.push_back(fmt::format("plan.offload.activations={}", draw.one_of({"true", "0.3", "0.75"})));
  if (draw.from(0, 3) == 0) {
    const auto tp = draw.one_of<std::int64_t>({2, 4, 8});
    keys.push_back(fmt::format("plan.tp_grid=[{}, {}]", draw.coin() ? 2 : tp, draw.coin() ? tp / 2 : 1));
    keys.emplace_back("plan.sequence_parallel=true");
  }
  if (has_experts && draw.from(0, 3) == 0) keys.emplace_back("plan.dispatch=hybrid");
  if (draw.from(0, 5) == 0)
    keys.push_back(fmt::format(
        R"(software={{"base": "megatron-core", "pads_expert_rows": {}, "fusions": ["{}", "{}"]}})",
        draw.coin(), draw.one_of({"router", "permute", "rope"}),
        draw.one_of({"fp8_scales", "norm_quantise", "rms_norm"})));
}

}  // namespace

std::vector<std::string> random_keys(Draw& draw) {
  Keys keys;
  if (draw.coin()) add_experts(draw, keys);
  if (draw.from(0, 3) == 0) add_latent_attention(draw, keys);
  if (draw.coin()) add_architecture(draw, keys);
  add_plan(draw, keys);
  add_later_keys(draw, keys);
  return keys;
}

}  // namespace ds::laws
