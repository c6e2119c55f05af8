// Parameters of each family, layer by layer.
#include "simulator/workload/parameters.h"

namespace ds::workload {
namespace {

std::int64_t linear(std::int64_t in, std::int64_t out, bool bias) { return in * out + (bias ? out : 0); }

std::int64_t norm(std::int64_t width, const Model& m) {
  switch (m.norm) {
    case Norm::layer: return 2 * width;
    case Norm::layer_gain:
    case Norm::rms: return width;
    case Norm::layer_bare: return 0;
  }
  return 0;
}

/// Norms of the residual stream in a layer.
std::int64_t norms(const Model& m) {
  if (m.residual == Residual::parallel) return 1;
  return m.norm_place == NormPlace::around ? 4 : 2;
}

std::int64_t qk_norm(const Model& m) {
  switch (m.qk_norm) {
    case QkNorm::none: return 0;
    case QkNorm::shared: return 2 * m.head_dim;
    case QkNorm::per_head:
    case QkNorm::whole: return (m.heads + m.kv_heads) * m.head_dim;
  }
  return 0;
}

/// Multi-head latent attention (DeepSeek-V2, arXiv 2405.04434, section 2.1).
std::int64_t latent_attention(const Model& m) {
  const Mla& a = *m.mla;
  const std::int64_t query = m.heads * (a.qk_nope_head_dim + a.qk_rope_head_dim);
  const std::int64_t q = a.q_lora_rank > 0
                             ? m.hidden * a.q_lora_rank + norm(a.q_lora_rank, m) + a.q_lora_rank * query
                             : m.hidden * query;
  const std::int64_t kv = m.hidden * (a.kv_lora_rank + a.qk_rope_head_dim) + norm(a.kv_lora_rank, m) +
                          a.kv_lora_rank * m.heads * (a.qk_nope_head_dim + a.v_head_dim);
  return q + kv + linear(m.heads * a.v_head_dim, m.hidden, m.projection_bias);
}

std::int64_t attention(const Model& m) {
  if (m.mla) return latent_attention(m);
  return (m.attention_sinks ? m.heads : 0) +
         linear(m.hidden, (m.heads + 2 * m.kv_heads) * m.head_dim, m.qkv_bias) + qk_norm(m) +
         linear(m.heads * m.head_dim, m.hidden, m.projection_bias);
}

std::int64_t mlp(const Model& m, std::int64_t width) {
  return linear(m.hidden, (m.gated_mlp ? 2 : 1) * width, m.mlp_bias) + linear(width, m.hidden, m.mlp_bias);
}

std::int64_t layer(const Model& m, bool dense, std::int64_t experts) {
  const std::int64_t rest = attention(m) + norms(m) * norm(m.hidden, m);
  if (dense) return rest + mlp(m, m.ffn_hidden);
  const Moe& moe = *m.moe;
  return rest + linear(m.hidden, moe.experts, moe.router_bias) + (moe.shared_gate ? m.hidden : 0) +
         (experts + moe.shared_experts) * mlp(m, moe.expert_ffn);
}

/// Embedding, what follows the layers, and the head.
std::int64_t ends(const Model& m, std::int64_t sequence_length) {
  const std::int64_t width = m.embedding_width > 0 ? m.embedding_width : m.hidden;
  std::int64_t sum = m.vocab * width * (m.tied_embeddings ? 1 : 2) + (m.head_bias ? m.vocab : 0);
  if (width != m.hidden) sum += 2 * width * m.hidden;
  if (m.position == Position::learned) sum += (m.positions > 0 ? m.positions : sequence_length) * m.hidden;
  sum += m.token_types * m.hidden;
  if (m.family == Family::bert) sum += linear(m.hidden, m.hidden, true) + norm(m.hidden, m);
  return sum + norm(m.hidden, m) * ((m.embedding_norm ? 1 : 0) + (m.final_norm ? 1 : 0));
}

std::int64_t count(const Model& m, std::int64_t sequence_length, std::int64_t experts) {
  std::int64_t sum = ends(m, sequence_length);
  for (std::int64_t i = 0; i < m.layers; ++i)
    sum += layer(m, !m.moe || m.moe->dense_layers[static_cast<std::size_t>(i)], experts);
  // A multi-token prediction module: a layer, two norms, the projection of 2 hidden to hidden and a last norm;
  // embedding and head are shared (DeepSeek-V3, arXiv 2412.19437, section 2.2).
  sum += m.mtp_layers * (layer(m, !m.moe, experts) + 3 * norm(m.hidden, m) + 2 * m.hidden * m.hidden);
  return sum;
}

}  // namespace

std::int64_t parameters(const Model& model, std::int64_t sequence_length) {
  return count(model, sequence_length, model.moe ? model.moe->experts : 0);
}

std::int64_t active_parameters(const Model& model, std::int64_t sequence_length) {
  return count(model, sequence_length, model.moe ? model.moe->top_k : 0);
}

}  // namespace ds::workload
