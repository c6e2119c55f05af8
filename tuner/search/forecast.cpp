// A few hundred candidates say how many are plans, and a few plans how long one takes.
#include "tuner/search/forecast.h"

#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <vector>

#include "simulator/base/random.h"
#include "simulator/base/steady_clock.h"

namespace ds::tuner {
namespace {

constexpr std::int64_t kLooks = 2000, kPlans = 12;
/// Of fewer plans a search takes no more than a moment.
constexpr Index kFew = 5000;
/// What a search takes for each plan of its space, over what one takes that has little in common with those before it: most are settled
/// by bounds. 0.010 to 0.024 in searches of 2 to 170 s.
constexpr double kShareOfTime = 0.013;
/// What is remembered grows with the root of what is judged: 3.0 to 4.9 in the same.
constexpr double kGrowthOfMemory = 4.5;

Bytes resident() {
  std::ifstream file("/proc/self/statm");
  std::int64_t all = 0, resident = 0;
  file >> all >> resident;
  return {resident * ::sysconf(_SC_PAGESIZE)};
}

/// What a batch holds of a candidate, and of a plan beside that.
constexpr std::int64_t kBytesOfCandidate = 300, kBytesOfPlan = 700, kMostAtOnce = 500'000;

}  // namespace

std::optional<Forecast> forecast(const Space& space, Judge& judge, const ForecastOf& of) {
  const RandomStream draw(0, 3);
  const auto any = [&](std::int64_t number) {
    return space.candidate(static_cast<Index>(
        draw.below(static_cast<std::uint64_t>(space.size()), static_cast<std::uint64_t>(number))));
  };
  const auto enough = [&] { return of.enough && of.enough(); };
  const Seconds begun = steady_now();
  std::vector<Candidate> legal;
  workload::Job job = space.base();
  std::int64_t looks = 0;
  for (; looks < kLooks && !enough(); ++looks)
    if (Candidate candidate = any(looks); !space.decode_into(candidate, job))
      legal.push_back(std::move(candidate));
  if (legal.empty() || enough()) return std::nullopt;
  const Seconds each_look = (steady_now() - begun) * (1.0 / static_cast<double>(looks));
  Forecast result;
  result.plans = static_cast<Index>(static_cast<double>(space.size()) * static_cast<double>(legal.size()) /
                                    static_cast<double>(looks));
  if (result.plans < kFew) return std::nullopt;

  legal.resize(std::min<std::size_t>(legal.size(), kPlans));
  const Bytes before = resident();
  const Seconds asked = steady_now();
  static_cast<void>(judge.evaluate(legal, {.best = {}, .too_large_ones = true, .enough = of.enough}));
  if (enough()) return std::nullopt;
  const double share = 1.0 / static_cast<double>(legal.size());
  const Seconds each_plan = (steady_now() - asked) * share;
  const double bytes_of_each =
      share * static_cast<double>(std::max<std::int64_t>(0, (resident() - before).value));

  const double judged =
      std::min(kShareOfTime * static_cast<double>(result.plans), static_cast<double>(of.evals));
  result.time = each_look * static_cast<double>(space.size()) + each_plan * judged;
  const std::int64_t at_once = std::min(space.size(), kMostAtOnce);
  result.memory =
      before + Bytes{at_once * kBytesOfCandidate + std::min(at_once, result.plans) * kBytesOfPlan +
                     std::llround(bytes_of_each * kGrowthOfMemory * std::sqrt(judged))};
  return result;
}

}  // namespace ds::tuner
