#pragma once
// What a search has found.

#include <cstdint>
#include <optional>
#include <vector>

#include "simulator/base/json.h"
#include "simulator/base/units.h"
#include "simulator/program/timeline.h"
#include "tuner/space/judge.h"
#include "tuner/space/walk.h"

namespace ds::tuner {

/// A candidate by its number, and what became of it.
struct Scored {
  Index index{};
  Verdict verdict;
};

/// What event depth says of a plan.
struct AtEventDepth {
  Seconds step_time;
  double sigma{};            // relative
  program::TimeParts parts;  // of the step
};

/// The best so far was found then.
struct Improvement {
  std::int64_t evaluations{};
  Seconds after;
  Seconds step_time;
};

/// Candidates whose step time nobody computed. `rule`: all that are no plans.
struct Pruned {
  Index rule{}, memory{}, bound{};
};

/// `no_more`: the method had nothing further to ask.
enum class End : std::uint8_t { seen_whole, evals, time_limit, stopped, no_more };
inline constexpr Named<End> kEnds[] = {{"seen_whole", End::seen_whole},
                                       {"evals", End::evals},
                                       {"time_limit", End::time_limit},
                                       {"stopped", End::stopped},
                                       {"no_more", End::no_more}};

struct Found {
  std::vector<Scored> top;    // the best of each kind (PlanKind), fastest first
  std::vector<Scored> front;  // of those evaluated, none is as fast and as small as another; fastest first
  bool front_is_whole{};      // no plan of the space beats one of these, nor is it beaten by none
  std::int64_t evaluations{};
  Pruned pruned;
  std::vector<Improvement> history;
  Rejections rejections;
  std::optional<Scored> nearest;  // where none fits: the one that is least over its memory
  End end{};

  bool optimal() const { return end == End::seen_whole && !top.empty(); }
};

}  // namespace ds::tuner
