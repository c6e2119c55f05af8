#pragma once
// Keys of mixtures of experts, and of latent attention. Private to the table of families.

#include <optional>

#include "simulator/workload/hf_keys.h"

namespace ds::workload::hf {

inline Moe& moe_of(HfDraft& d) {
  if (!d.model.moe) d.model.moe.emplace();
  return *d.model.moe;
}
inline Mla& mla_of(HfDraft& d) {
  if (!d.model.mla) d.model.mla.emplace();
  return *d.model.mla;
}

template <std::int64_t Moe::* kField, std::int64_t kLeast, std::int64_t kMost>
void experts(HfDraft& d, const Cursor& at) {
  moe_of(d).*kField = at.count(kLeast, kMost);
}
template <std::int64_t Mla::* kField>
void latent(HfDraft& d, const Cursor& at) {
  mla_of(d).*kField = at.count(1, kMaxWidth);
}
/// All shared experts of a layer are one, so wide.
inline void shared_width(HfDraft& d, const Cursor& at) { d.shared_width = at.count(0, kMaxWidth); }
inline void leading_dense(HfDraft& d, const Cursor& at) { d.leading_dense = at.count(0, kMaxLayers); }
inline void experts_every(HfDraft& d, const Cursor& at) { d.experts_every = at.count(1, kMaxLayers); }
inline void experts_last_of(HfDraft& d, const Cursor& at) { d.experts_last_of = at.count(1, kMaxLayers); }
inline void dense_layers(HfDraft& d, const Cursor& at) {
  for (const Cursor& layer : at.list(0, kMaxLayers)) d.dense_layers.push_back(layer.count(0, kMaxLayers));
}
inline void shared_qk_norm(HfDraft& d, const Cursor& at) {
  d.model.qk_norm = at.boolean() ? QkNorm::shared : QkNorm::none;
}
inline void predicted_tokens(HfDraft& d, const Cursor& at) {
  d.model.mtp_layers = at.count(0, kMaxMtpLayers);
}

inline constexpr HfKey kExperts{"num_local_experts|num_experts|n_routed_experts",
                                experts<&Moe::experts, 1, kMaxExperts>};
inline constexpr HfKey kTopK{"num_experts_per_tok", experts<&Moe::top_k, 1, kMaxExperts>};
inline constexpr HfKey kExpertFfn{"moe_intermediate_size", experts<&Moe::expert_ffn, 1, kMaxWidth>};

inline constexpr HfKey kMixtral[] = {kLayers, kExperts, kTopK, {"sliding_window", window}};
inline constexpr HfKey kQwenMoe[] = {kLayers,
                                     kExperts,
                                     kTopK,
                                     kExpertFfn,
                                     {"shared_expert_intermediate_size", shared_width},
                                     {"decoder_sparse_step", experts_last_of},
                                     {"mlp_only_layers", dense_layers},
                                     {"sliding_window", window},
                                     {"use_sliding_window", window_in_use},
                                     {"max_window_layers", first_windowed},
                                     {"layer_types", layer_types}};
inline constexpr HfKey kDeepSeek[] = {kExperts,
                                      kTopK,
                                      kExpertFfn,
                                      {"n_shared_experts", experts<&Moe::shared_experts, 0, kMaxExperts>},
                                      {"n_group", experts<&Moe::groups, 1, kMaxExperts>},
                                      {"topk_group", experts<&Moe::groups_per_token, 1, kMaxExperts>},
                                      {"first_k_dense_replace", leading_dense},
                                      {"moe_layer_freq", experts_every},
                                      {"num_nextn_predict_layers", predicted_tokens},
                                      {"q_lora_rank", latent<&Mla::q_lora_rank>},
                                      {"kv_lora_rank", latent<&Mla::kv_lora_rank>},
                                      {"qk_nope_head_dim", latent<&Mla::qk_nope_head_dim>},
                                      {"qk_rope_head_dim", latent<&Mla::qk_rope_head_dim>},
                                      {"v_head_dim", latent<&Mla::v_head_dim>}};

inline void mixtral(HfDraft& d) { moe_of(d); }
inline void qwen2_moe(HfDraft& d) {
  moe_of(d).shared_gate = true;  // where it has a shared expert
  d.model.qkv_bias = true;
  d.window_in_use = false;
}
inline void qwen3_moe(HfDraft& d) {
  moe_of(d);
  d.model.qk_norm = QkNorm::shared;
  d.window_in_use = false;
}
inline void olmoe(HfDraft& d) {
  moe_of(d);
  d.model.qk_norm = QkNorm::whole;
  d.window_in_use = false;
}

inline constexpr HfKey kGlmMoe[] = {kExperts,
                                    kTopK,
                                    kExpertFfn,
                                    {"n_shared_experts", experts<&Moe::shared_experts, 0, kMaxExperts>},
                                    {"n_group", experts<&Moe::groups, 1, kMaxExperts>},
                                    {"topk_group", experts<&Moe::groups_per_token, 1, kMaxExperts>},
                                    {"first_k_dense_replace", leading_dense},
                                    {"num_nextn_predict_layers", predicted_tokens},
                                    {"use_qk_norm", shared_qk_norm},
                                    {"attention_bias", flag<&Model::qkv_bias>},
                                    {"partial_rotary_factor", rotary_share},
                                    {"rope_parameters", rope_parameters}};
inline void glm4_moe(HfDraft& d) {
  moe_of(d);
  d.rotary_share = 0.5;
  d.model.head_dim = 128, d.model.head_dim_given = true;
}

// gpt-oss: biases everywhere, sinks of attention, windows in every other layer.
inline constexpr HfKey kGptOss[] = {
    kLayers,
    kExperts,
    {"num_experts_per_tok|experts_per_token", experts<&Moe::top_k, 1, kMaxExperts>},
    {"attention_bias", attention_bias},
    {"sliding_window", window},
    {"layer_types", layer_types}};
inline void gpt_oss(HfDraft& d) {
  moe_of(d).router_bias = true;
  Model& m = d.model;
  m.qkv_bias = m.projection_bias = m.mlp_bias = true;
  m.attention_sinks = true;
  m.head_dim = 64, m.head_dim_given = true;
  m.window = 128;
  d.full_every = 2;
}

// How tokens are routed: by scores and limits that change which experts are busy, not how much they do.
inline constexpr std::string_view kRouting =
    "router_aux_loss_coef router_jitter_noise output_router_logits norm_topk_prob aux_loss_alpha ep_size "
    "topk_method routed_scaling_factor scoring_func seq_aux pretraining_tp";

}  // namespace ds::workload::hf
