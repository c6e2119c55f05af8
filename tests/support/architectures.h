#pragma once
// Small models of every architecture that a model can describe.

#include <vector>

#include "tests/support/jobs.h"

namespace ds::support {

struct Architecture {
  const char* name;
  workload::Family family{};
  void (*change)(workload::Model&){};
  bool on_cpus{true};
};

inline std::vector<bool> none(const workload::Model& m) {
  return std::vector<bool>(static_cast<std::size_t>(m.layers), false);
}

inline const std::vector<Architecture>& architectures() {
  using namespace workload;
  static const std::vector<Architecture> all{
      {"biases of queries, keys and values alone (Qwen 2)", Family::llama,
       [](Model& m) { m.qkv_bias = true; }},
      {"a table of more positions than tokens (GPT-2)", Family::gpt, [](Model& m) { m.positions = 40; }},
      {"one norm for both branches (GPT-J)", Family::gpt,
       [](Model& m) {
         m.residual = Residual::parallel;
         m.position = Position::rope;
         m.tied_embeddings = false;
         m.head_bias = true;
         m.qkv_bias = m.projection_bias = false;
       }},
      {"a norm for each branch, no biases (Falcon 40B)", Family::gpt,
       [](Model& m) {
         m.residual = Residual::parallel_two_norms;
         m.position = Position::rope;
         m.qkv_bias = m.projection_bias = m.mlp_bias = false;
       }},
      {"norms behind branches (OLMo 2, without its norm of queries)", Family::llama,
       [](Model& m) { m.norm_place = NormPlace::behind; }},
      {"norms around branches (Gemma 2, without caps)", Family::llama,
       [](Model& m) { m.norm_place = NormPlace::around; }},
      {"norms after sums, a narrow table, no last norm (OPT-350M)", Family::gpt,
       [](Model& m) {
         m.norm_place = NormPlace::after;
         m.final_norm = false;
         m.embedding_width = 4;
         m.positions = 10;
       }},
      {"a norm of the embedding, no positions", Family::gpt,
       [](Model& m) {
         m.embedding_norm = true;
         m.position = Position::none;
       }},
      {"every other layer does not rotate (Cohere 2 without its norm)", Family::llama,
       [](Model& m) {
         m.residual = Residual::parallel;
         m.unrotated_layers.assign(static_cast<std::size_t>(m.layers), false);
         for (std::size_t layer = 1; layer < m.unrotated_layers.size(); layer += 2)
           m.unrotated_layers[layer] = true;
       }},
      {"all layers see a window (Mistral)", Family::llama, [](Model& m) { m.window = 3; }, false},
      {"two layers with a window, then a full one, norms of queries and keys (Gemma 3)", Family::llama,
       [](Model& m) {
         m.window = 2;
         m.norm_place = NormPlace::around;
         m.qk_norm = QkNorm::shared;
         for (std::int64_t layer = 0; layer < m.layers; ++layer) m.full_layers.push_back(layer % 3 == 2);
       },
       false},
      {"gains for each head, LayerNorm without bias, a part of a head is rotated (StableLM, Cohere)",
       Family::gpt,
       [](Model& m) {
         m.qk_norm = QkNorm::per_head;
         m.norm = Norm::layer_gain;
         m.position = Position::rope;
         m.rotary_dim = 2;
       },
       false},
      {"bare norms and a cap of logits (OLMo, Gemma 2)", Family::llama,
       [](Model& m) {
         m.norm = Norm::layer_bare;
         m.logit_cap = true;
       },
       false},
      {"attention both ways, token types, norms after sums, a masked-language head (BERT)", Family::bert,
       [](Model& m) { m.token_types = 2; }, false},
      {"a masked-language head of all the width, above a narrow table", Family::bert,
       [](Model& m) { m.embedding_width = 4; }, false},
      {"experts (Mixtral)", Family::moe,
       [](Model& m) { m.moe = Moe{.experts = 4, .top_k = 2, .expert_ffn = 12, .dense_layers = none(m)}; },
       false},
      {"dense layers, then experts and a shared one, norms of queries and keys (GLM 4.5)", Family::moe,
       [](Model& m) {
         m.qk_norm = QkNorm::shared;
         m.qkv_bias = true;
         m.moe = Moe{.experts = 6, .top_k = 3, .expert_ffn = 8, .shared_experts = 2, .dense_layers = none(m)};
         m.moe->dense_layers.front() = true;
       },
       false},
      {"experts and a gate of the shared ones (Qwen 2)", Family::moe,
       [](Model& m) {
         m.qkv_bias = true;
         m.moe = Moe{.experts = 4,
                     .top_k = 2,
                     .expert_ffn = 8,
                     .shared_experts = 2,
                     .dense_layers = none(m),
                     .shared_gate = true};
       },
       false},
      {"experts in every other layer, not gated (Switch)", Family::moe,
       [](Model& m) {
         m.gated_mlp = false;
         m.moe = Moe{.experts = 4, .top_k = 1, .expert_ffn = 12, .dense_layers = none(m)};
         for (std::size_t layer = 0; layer < m.moe->dense_layers.size(); layer += 2)
           m.moe->dense_layers[layer] = true;
       },
       false},
      {"sinks of attention, windows in every other layer, biases of router and experts (gpt-oss)",
       Family::moe,
       [](Model& m) {
         m.qkv_bias = m.projection_bias = m.mlp_bias = m.attention_sinks = true;
         m.window = 3;
         for (std::int64_t layer = 0; layer < m.layers; ++layer) m.full_layers.push_back(layer % 2 == 1);
         m.moe =
             Moe{.experts = 4, .top_k = 2, .expert_ffn = 12, .dense_layers = none(m), .router_bias = true};
       },
       false},
      {"latent attention (DeepSeek-V2)", Family::llama,
       [](Model& m) {
         m.mla = Mla{.q_lora_rank = 12,
                     .kv_lora_rank = 8,
                     .qk_nope_head_dim = 4,
                     .qk_rope_head_dim = 2,
                     .v_head_dim = 6};
       },
       false},
      {"latent attention with whole queries, and experts (DeepSeek-V2-Lite)", Family::moe,
       [](Model& m) {
         m.mla = Mla{.q_lora_rank = 0,
                     .kv_lora_rank = 8,
                     .qk_nope_head_dim = 4,
                     .qk_rope_head_dim = 2,
                     .v_head_dim = 6};
         m.moe = Moe{.experts = 6, .top_k = 3, .expert_ffn = 8, .shared_experts = 2, .dense_layers = none(m)};
         m.moe->dense_layers.front() = true;
       },
       false},
      {"a penalty for distance (BLOOM)", Family::gpt, [](Model& m) { m.position = Position::alibi; }, false},
  };
  return all;
}

}  // namespace ds::support
