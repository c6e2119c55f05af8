// Draws costs that are off, and ranks anew.
#include "tuner/search/ranking.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>
#include <utility>

#include "simulator/base/random.h"
#include "simulator/base/statistics.h"

namespace ds::tuner {
namespace {

constexpr std::size_t kCases = 2000;
constexpr double kNineteenOfTwenty = 0.95;

/// What is off together: times by what takes them.
constexpr std::size_t kKinds = 7;
std::array<Seconds, kKinds> by_kind(const program::TimeParts& t) {
  return {t.compute + t.optimizer, t.tp_comm, t.cp_comm, t.ep_comm, t.pp_comm, t.dp_comm, t.host + t.other};
}

double perturbed(const program::TimeParts& step, const std::array<double, kKinds>& factors) {
  const std::array<Seconds, kKinds> times = by_kind(step);
  double before = 0, after = 0;
  for (std::size_t k = 0; k < kKinds; ++k) {
    before += times[k].value;
    after += times[k].value * factors[k];
  }
  return after + (before > 0 ? step.pp_bubble.value * after / before : step.pp_bubble.value);
}

}  // namespace

RankingHolds ranking_holds(std::span<const program::TimeParts> steps, double off, std::uint64_t seed) {
  constexpr std::uint64_t kStream = 0x72616e6b;  // of its own
  const RandomStream draw(seed, kStream);
  RankingHolds holds{.off = off, .is_best = std::vector<double>(steps.size(), 0)};
  std::vector<double> regrets;
  for (std::size_t c = 0; c < kCases; ++c) {
    std::array<double, kKinds> factors{};
    for (std::size_t k = 0; k < kKinds; ++k) factors[k] = std::exp(off * draw.normal((c * kKinds) + k));
    std::vector<double> times;
    for (const program::TimeParts& step : steps) times.push_back(perturbed(step, factors));
    const auto best = std::ranges::min_element(times);
    holds.is_best[static_cast<std::size_t>(best - times.begin())] += 1.0 / kCases;
    regrets.push_back(*best > 0 ? times.front() / *best - 1 : 0);
  }
  holds.stays_best = holds.is_best.front();
  holds.mean_regret = std::accumulate(regrets.begin(), regrets.end(), 0.0) / kCases;
  holds.p95_regret = percentile(std::move(regrets), kNineteenOfTwenty);
  return holds;
}

}  // namespace ds::tuner
