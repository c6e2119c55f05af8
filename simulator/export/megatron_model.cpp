// The model in Megatron-LM's flags: the other direction of simulator/convert/megatron_model.cpp.
#include <algorithm>
#include <cmath>

#include "simulator/export/megatron.h"

namespace ds::exports::megatron {
namespace {

using workload::Model;

/// ([1]*3+[0]*58), as --moe-layer-freq, --no-rope-freq and --window-attn-skip-freq are written.
std::string pattern(const std::vector<bool>& mask) {
  std::string text;
  for (auto at = mask.begin(); at != mask.end();) {
    const auto end = std::find(at, mask.end(), !*at);
    text += fmt::format("{}[{}]*{}", text.empty() ? "" : "+", *at ? 1 : 0, std::distance(at, end));
    at = end;
  }
  return fmt::format("({})", text);
}

/// The share of a head that is rotated, so that Megatron-LM, which rounds down, comes to so many elements.
double rotary_share(std::int64_t rotated, std::int64_t head) {
  double share = static_cast<double>(rotated) / static_cast<double>(head);
  if (static_cast<std::int64_t>(share * static_cast<double>(head)) < rotated)
    share = std::nextafter(share, 1.0);
  return share;
}

void put_attention(const Model& m, Writer& out) {
  if (!m.mla) {
    if (m.kv_heads != m.heads) {
      out.put(Part::model, "--group-query-attention");
      out.put(Part::model, "--num-query-groups", m.kv_heads);
    }
    if (m.head_dim * m.heads != m.hidden) out.put(Part::model, "--kv-channels", m.head_dim);
    // Which of the norms of queries and keys it is, is for the reader to say: Megatron-LM has one.
    out.put_if(m.qk_norm != workload::QkNorm::none, Part::model, "--qk-layernorm");
  }
  const bool biases = m.projection_bias || m.mlp_bias;
  out.put_if(!biases, Part::model, "--disable-bias-linear");
  out.put_if(!biases && m.qkv_bias, Part::model, "--add-qkv-bias");
  if (m.window == 0) return;
  out.put(Part::model, "--window-size", fmt::format("{},0", m.window - 1));
  if (m.full_layers.empty()) return;
  std::vector<bool> windowed = m.full_layers;
  windowed.flip();
  out.put(Part::model, "--window-attn-skip-freq", pattern(windowed));
}

/// Norms of what is compressed are part of latent attention here.
void put_latent(const Model& m, Writer& out) {
  if (!m.mla) return;
  out.put(Part::model, "--multi-latent-attention");
  out.put(Part::model, "--qk-layernorm");
  if (m.mla->q_lora_rank > 0) out.put(Part::model, "--q-lora-rank", m.mla->q_lora_rank);
  out.put(Part::model, "--kv-lora-rank", m.mla->kv_lora_rank);
  out.put(Part::model, "--qk-head-dim", m.mla->qk_nope_head_dim);
  out.put(Part::model, "--qk-pos-emb-head-dim", m.mla->qk_rope_head_dim);
  out.put(Part::model, "--v-head-dim", m.mla->v_head_dim);
}

/// Megatron-LM wants the length of the table of positions, whether there is one or not.
void put_positions(const workload::Job& job, Writer& out) {
  const Model& m = job.model;
  out.put(Part::model, "--max-position-embeddings",
          m.positions > 0 ? m.positions : job.train.sequence_length);
  if (m.rotary_dim > 0) out.put(Part::model, "--rotary-percent", rotary_share(m.rotary_dim, m.head_dim));
  if (!m.unrotated_layers.empty()) out.put(Part::model, "--no-rope-freq", pattern(m.unrotated_layers));
}

void put_experts(const Model& m, Writer& out) {
  if (!m.moe) return;
  const workload::Moe& moe = *m.moe;
  out.put(Part::model, "--num-experts", moe.experts);
  out.put(Part::model, "--moe-router-topk", moe.top_k);
  out.put(Part::model, "--moe-ffn-hidden-size", moe.expert_ffn);
  out.put(Part::model, "--moe-grouped-gemm");
  if (moe.shared_experts > 0)
    out.put(Part::model, "--moe-shared-expert-intermediate-size", moe.shared_experts * moe.expert_ffn);
  if (moe.groups > 1) {
    out.put(Part::model, "--moe-router-num-groups", moe.groups);
    out.put(Part::model, "--moe-router-group-topk", moe.groups_per_token);
  }
  std::vector<bool> sparse = moe.dense_layers;
  sparse.flip();
  if (std::ranges::find(sparse, false) != sparse.end())
    out.put(Part::model, "--moe-layer-freq", pattern(sparse));
  if (moe.capacity_factor) out.put(Part::model, "--moe-expert-capacity-factor", *moe.capacity_factor);
}

}  // namespace

void put_model(const workload::Job& plain, Writer& out) {
  const Model& m = plain.model;
  out.put(Part::model, "--ffn-hidden-size", m.ffn_hidden);
  out.put(Part::model, "--vocab-size", m.vocab);
  out.put_if(m.gated_mlp, Part::model, "--swiglu");
  put_positions(plain, out);
  put_attention(m, out);
  put_latent(m, out);
  put_experts(m, out);
}

}  // namespace ds::exports::megatron
