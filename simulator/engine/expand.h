#pragma once
// From segments back to instructions: the rows of a timeline.

#include <functional>
#include <vector>

#include "simulator/engine/step_schedule.h"
#include "simulator/program/timeline.h"

namespace ds::engine {

struct Interval {
  Seconds start, end;
};

/// Calls fn for every instruction of a class's first rank, in the order of issue. `times`: of the schedule's segments, by
/// lane. Within a segment, instructions take what they take alone.
void for_each_row(const program::Program& program, std::size_t rank_class, const StepSchedule& schedule,
                  const std::vector<std::vector<Interval>>& times, std::int32_t step,
                  const std::function<void(const program::Row&)>& fn);

}  // namespace ds::engine
