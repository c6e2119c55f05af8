// Tokens, FLOP and shares of the peak a second, from a step's time.
#include "simulator/report/report.h"

namespace ds::report {
namespace {

double real(std::int64_t n) { return static_cast<double>(n); }

/// FLOP of one token's scores and their products with values in one layer, uncut by causality.
double attention_flops(const workload::Model& m, std::int64_t sequence) {
  return 4 * real(sequence) * real(m.heads * m.head_dim);
}

/// FLOP of one token's forward pass through one layer.
double layer_flops(const workload::Model& m, std::int64_t sequence) {
  const double q = real(m.heads * m.head_dim), kv = real(m.kv_heads * m.head_dim), h = real(m.hidden);
  const double attention_weights = h * (q + 2 * kv) + q * h;
  const double mlp_weights = (m.gated_mlp ? 3 : 2) * h * real(m.ffn_hidden);
  return 2 * (attention_weights + mlp_weights) + attention_flops(m, sequence);
}

}  // namespace

Rates rates(const workload::Job& job, Seconds step_time, FlopsPerSecond peak_per_rank) {
  const workload::Model& m = job.model;
  const std::int64_t sequence = job.train.sequence_length;
  const double layers = real(m.layers) * layer_flops(m, sequence);
  const double head = 2 * real(m.hidden) * real(m.vocab);
  const double per_token = 3 * (layers + head);
  // What a causal mask leaves of it: the triangle with its diagonal.
  const double attention = real(m.layers) * attention_flops(m, sequence);
  const double triangle = attention * real(sequence + 1) / (2 * real(sequence));
  const double cut_layers = layers - attention + triangle;
  const double forward = cut_layers + head;
  const double again = job.plan.recompute == workload::Recompute::full        ? cut_layers
                       : job.plan.recompute == workload::Recompute::selective ? triangle
                                                                              : 0;
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

WholeRun whole_run(const workload::Job& job, const Rates& rates) {
  constexpr double kSecondsPerHour = 3600;
  const Seconds time{job.train.tokens.value_or(0) / rates.tokens_per_s};
  const double gpu_hours = time.value / kSecondsPerHour * real(job.cluster.ranks());
  WholeRun run{.time = time, .gpu_hours = gpu_hours, .cost_usd = std::nullopt};
  if (job.prices.gpu_hour_usd) run.cost_usd = gpu_hours * *job.prices.gpu_hour_usd;
  return run;
}

}  // namespace ds::report
