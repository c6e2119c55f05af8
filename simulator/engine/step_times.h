#pragma once
// A step whose segments all have their times, in a few numbers and as rows.

#include <vector>

#include "simulator/engine/expand.h"
#include "simulator/engine/step_schedule.h"

namespace ds::engine {

/// By class, lane and segment.
using SegmentTimes = std::vector<std::vector<std::vector<Interval>>>;

/// How a class's segments follow one another; and whether its ranks share cores, so that computing takes longer than alone.
struct StepOfClass {
  const StepSchedule* schedule{};
  std::vector<std::vector<Interval>>* times{};  // by lane and segment
};

/// Counts times from `begin` on. A communication that has only waited before is said to wait since then.
void count_from(std::vector<StepOfClass>& classes, Seconds begin);

/// The step of the rank that finishes last, and all ranks' rows if they are asked for.
Played sum_up(const program::Program& program, const std::vector<StepOfClass>& classes, Seconds length,
              const program::AloneTimes& alone, bool crowded, Rows rows);

}  // namespace ds::engine
