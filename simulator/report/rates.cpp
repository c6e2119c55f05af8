// Tokens, FLOP and shares of the peak a second, from a step's time.
#include <algorithm>
#include <numeric>

#include "simulator/ops/ops.h"
#include "simulator/report/report.h"
#include "simulator/workload/layer_kinds.h"

namespace ds::report {
namespace {

double real(std::int64_t n) { return static_cast<double>(n); }

/// FLOP of one token's scores and their products with values in all layers.
struct AttentionFlops {
  double uncut{};  // by causality; a window counts whole
  double cut{};    // what a causal mask leaves of it: the triangle with its diagonal, or the band of a window
};
AttentionFlops attention_flops(const workload::Model& m, std::int64_t sequence) {
  const auto windowed = [&](std::int64_t layer) {
    return workload::kind_of_layer(m, sequence, layer).windowed;
  };
  std::int64_t bands = 0;  // layers with a window
  if (m.window > 0)
    for (std::int64_t layer = 0; layer < m.layers; ++layer) bands += windowed(layer) ? 1 : 0;
  const double tokens = real(sequence);
  const bool both_ways = m.family == workload::Family::bert;
  const double each =
      m.mla ? 2 * real(m.heads) * real(m.mla->qk_nope_head_dim + m.mla->qk_rope_head_dim + m.mla->v_head_dim)
            : 4 * real(m.heads * m.head_dim);
  const double whole = real(m.layers + m.mtp_layers - bands), in_window = real(bands);
  return {each * (whole * tokens + in_window * real(m.window)),
          each / tokens *
              (whole * (both_ways ? tokens * tokens : ops::attended_pairs(sequence, 0)) +
               in_window * ops::attended_pairs(sequence, m.window))};
}

/// Weights that a token meets in an MLP, or in its experts, their router and the shared ones.
double mlp_weights(const workload::Model& m, bool dense) {
  const double each = (m.gated_mlp ? 3 : 2) * real(m.hidden);
  if (dense || !m.moe) return each * real(m.ffn_hidden);
  const workload::Moe& moe = *m.moe;
  return each * real((moe.top_k + moe.shared_experts) * moe.expert_ffn) + real(m.hidden * moe.experts);
}

double attention_weights(const workload::Model& m) {
  const double h = real(m.hidden), q = real(m.heads * m.head_dim), kv = real(m.kv_heads * m.head_dim);
  if (!m.mla) return h * (q + 2 * kv) + q * h;
  const workload::Mla& a = *m.mla;
  const double query = real(m.heads * (a.qk_nope_head_dim + a.qk_rope_head_dim)),
               latent = real(a.q_lora_rank);
  const double queries = latent > 0 ? latent * (h + query) : h * query;
  return queries + h * real(a.kv_lora_rank + a.qk_rope_head_dim) +
         real(a.kv_lora_rank * m.heads * (a.qk_nope_head_dim + a.v_head_dim)) +
         real(m.heads * a.v_head_dim) * h;
}

/// FLOP of one token's products with the weights of all layers.
double layers_flops(const workload::Model& m) {
  std::int64_t dense = m.layers;
  if (m.moe) dense = std::ranges::count(m.moe->dense_layers, true);
  const double mlps = real(dense) * mlp_weights(m, true) +
                      (dense < m.layers ? real(m.layers - dense) * mlp_weights(m, false) : 0);
  // A module for a further token has a layer, and a projection of two rows to one.
  const double further = real(m.mtp_layers) * (attention_weights(m) + mlp_weights(m, !m.moe) +
                                               2 * real(m.hidden) * real(m.hidden));
  return 2 * (real(m.layers) * attention_weights(m) + mlps + further);
}

/// Of the head, and of the projections to and from a table of another width.
double ends_flops(const workload::Model& m) {
  if (m.embedding_width == 0) return 2 * real(1 + m.mtp_layers) * real(m.hidden) * real(m.vocab);
  return 2 * real(m.embedding_width) * (real(m.vocab) + 2 * real(m.hidden));
}

/// FLOP of one token in every other product of a dense layer, which is what a replay by operator makes again: of keys, of
/// attention's result and of `up` where queries, keys and values are products of their own, else of attention's result and `down`.
double every_other_product(const workload::Job& job) {
  const workload::Model& m = job.model;
  const double attention =
      real(m.heads * m.head_dim) + (job.habits.separate_products ? real(m.kv_heads * m.head_dim) : 0);
  return 2 * real(m.layers) * real(m.hidden) * (attention + real(m.ffn_hidden));
}

/// FLOP of one token in the projections up from latent vectors.
double up_projections(const workload::Model& m) {
  if (!m.mla) return 0;
  const workload::Mla& a = *m.mla;
  return 2 * real(m.layers) * real(m.heads) *
         real(a.q_lora_rank * (a.qk_nope_head_dim + a.qk_rope_head_dim) +
              a.kv_lora_rank * (a.qk_nope_head_dim + a.v_head_dim));
}

/// FLOP of one token in modules that are made again.
double modules_again(const workload::Job& job, double attention) {
  using workload::Module;
  const workload::Model& m = job.model;
  const workload::Modules modules = job.plan.recompute_modules;
  const std::int64_t dense = m.moe ? std::ranges::count(m.moe->dense_layers, true) : m.layers;
  const std::int64_t routed = m.layers - dense;
  double again = has(modules, Module::core_attn) ? attention : 0;
  if (has(modules, Module::mlp)) again += 2 * real(dense) * mlp_weights(m, true);
  if (has(modules, Module::moe) && routed > 0) again += 2 * real(routed) * mlp_weights(m, false);
  if (has(modules, Module::mla_up_proj)) again += up_projections(m);
  return again;
}

/// Of a token's forward, what its backward does once more.
double flops_again(const workload::Job& job, double layers, double attention) {
  switch (job.plan.recompute) {
    case workload::Recompute::none: return 0;
    case workload::Recompute::selective:
      if (job.habits.selective_recompute == "per_operator") return every_other_product(job);
      return job.habits.selective_recompute == "norms_and_activations" ? up_projections(job.model)
                                                                       : attention;
    case workload::Recompute::modules: return modules_again(job, attention);
    case workload::Recompute::full: return layers;
    case workload::Recompute::layers: {
      std::int64_t again = 0;
      for (const std::vector<std::int64_t>& stage : job.plan.stage_layers)
        again +=
            std::min(job.plan.recompute_layers, std::accumulate(stage.begin(), stage.end(), std::int64_t{0}));
      return layers * real(again) / real(job.model.layers);
    }
  }
  return 0;
}

}  // namespace

Rates rates(const workload::Job& job, Seconds step_time, FlopsPerSecond peak_per_rank) {
  const workload::Model& m = job.model;
  const std::int64_t sequence = job.train.sequence_length;
  const AttentionFlops attention = attention_flops(m, sequence);
  const double weights = layers_flops(m), ends = ends_flops(m);
  const double per_token = 3 * (weights + attention.uncut + ends);
  const double cut_layers = weights + attention.cut;
  const double forward = cut_layers + ends;
  const double again = flops_again(job, cut_layers, attention.cut);
  const double tokens = real(job.train.global_batch) * real(sequence);
  const double ranks = real(job.cluster.ranks());

  Rates r;
  r.flops_per_token = per_token;
  r.tokens_per_s = tokens / step_time.value;
  r.tokens_per_s_per_gpu = r.tokens_per_s / ranks;
  r.tflops_per_gpu = per_token * r.tokens_per_s_per_gpu / 1e12;
  r.uncut_mfu = per_token * r.tokens_per_s_per_gpu / peak_per_rank.value;
  r.mfu = 3 * forward * r.tokens_per_s_per_gpu / peak_per_rank.value;
  r.hfu = (3 * forward + again) * r.tokens_per_s_per_gpu / peak_per_rank.value;
  return r;
}

}  // namespace ds::report
