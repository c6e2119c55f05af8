// One method on one space, evaluation by evaluation.
#include "tuner/bench/race.h"

#include <algorithm>
#include <numeric>

#include "simulator/base/random.h"

namespace ds::tuner {

std::vector<double> race(const Space& space, Judge& judge, Searcher& searcher, std::int64_t evals) {
  std::vector<double> best;
  constexpr std::size_t kMostRejected = 400'000;  // in a row, of methods that do not look before they ask
  std::size_t rejected = 0;
  while (std::ssize(best) < evals && rejected < kMostRejected) {
    const std::vector<Candidate> asked = searcher.ask(static_cast<std::size_t>(64));
    if (asked.empty()) break;
    // Of those that are no plans there is nothing to evaluate.
    workload::Job job = space.base();
    std::vector<Verdict> verdicts(asked.size());
    std::vector<Candidate> legal;
    std::vector<std::size_t> places;
    for (std::size_t i = 0; i < asked.size(); ++i)
      if (const auto why = space.decode_into(asked[i], job)) {
        verdicts[i] = {.reason = why->reason, .path = why->path, .kind = {}};
        ++rejected;
      } else {
        legal.push_back(asked[i]);
        places.push_back(i);
      }
    const std::vector<Verdict> judged = judge.evaluate(legal, {.evals = evals - std::ssize(best)});
    for (std::size_t i = 0; i < judged.size(); ++i) {
      verdicts[places[i]] = judged[i];
      if (judged[i].reason != Reason::evaluated) continue;
      rejected = 0;
      const double step = judged[i].step_time.value;
      best.push_back(best.empty() ? step : std::min(best.back(), step));
    }
    searcher.tell(asked, verdicts);
  }
  return best;
}

Interval bootstrap(const std::vector<double>& values, std::uint64_t seed) {
  if (values.empty()) return {};
  constexpr std::size_t kSamples = 2000;
  const RandomStream draws(seed, 9);
  std::vector<double> means(kSamples);
  for (std::size_t s = 0; s < kSamples; ++s) {
    double sum = 0;
    for (std::size_t i = 0; i < values.size(); ++i)
      sum += values[draws.below(values.size(), s * values.size() + i)];
    means[s] = sum / static_cast<double>(values.size());
  }
  std::ranges::sort(means);
  const double mean = std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
  return {mean, means[kSamples / 40], means[kSamples - kSamples / 40]};
}

}  // namespace ds::tuner
