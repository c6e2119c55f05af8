// Warm-up, then half a cosine.
#include "executor/learning_rate.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace ds::executor {

double learning_rate(const workload::Train& train, std::int64_t step, std::int64_t steps) {
  const workload::HyperParameters& hyper = train.hyper;
  const double peak =
      hyper.base_learning_rate * std::sqrt(static_cast<double>(train.global_batch) / hyper.reference_batch);
  const double warmup = std::max(1.0, std::round(hyper.warmup_share * static_cast<double>(steps)));
  const auto at = static_cast<double>(step);
  if (at < warmup) return peak * (at + 1) / warmup;
  const double done = std::min(1.0, (at - warmup) / std::max(1.0, static_cast<double>(steps) - warmup));
  const double cosine = 0.5 * (1 + std::cos(std::numbers::pi * done));
  return peak * (hyper.final_share + (1 - hyper.final_share) * cosine);
}

}  // namespace ds::executor
