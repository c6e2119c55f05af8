#pragma once
// What a search will take, before it begins: by a sample of its candidates. For people who have to decide whether to wait; it is right
// within a factor of two or three.

#include <cstdint>
#include <functional>
#include <limits>
#include <optional>

#include "simulator/base/units.h"
#include "tuner/space/judge.h"
#include "tuner/space/space.h"

namespace ds::tuner {

struct Forecast {
  Index plans{};  // legal
  Seconds time;   // by the evaluator's threads
  Bytes memory;
};

struct ForecastOf {
  std::int64_t evals{std::numeric_limits<std::int64_t>::max()};
  std::function<bool()> enough;
};

/// Nothing where the search is certain to be short, or if it takes too long to say.
std::optional<Forecast> forecast(const Space& space, Judge& judge, const ForecastOf& of);

}  // namespace ds::tuner
