#pragma once
// How fast a method comes near the best plan: its best step after so many evaluations at event depth.

#include <cstdint>
#include <memory>
#include <vector>

#include "tuner/search/search.h"

namespace ds::tuner {

/// After each evaluation the best step time so far. Fewer than `evals` where the method has no more.
std::vector<double> race(const Space& space, Judge& judge, Searcher& searcher, std::int64_t evals);

/// Mean of values with the 95 % interval by the bootstrap (Efron 1979, 2,000 samples, percentiles); `seed` says which.
struct Interval {
  double mean{}, low{}, high{};
};
Interval bootstrap(const std::vector<double>& values, std::uint64_t seed);

}  // namespace ds::tuner
