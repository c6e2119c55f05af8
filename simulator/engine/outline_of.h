#pragma once
// A class's step in the words of simulator/maxplus: what its lanes do, and apart from that how long it takes.

#include <vector>

#include "simulator/engine/step_schedule.h"
#include "simulator/maxplus/maxplus.h"

namespace ds::engine {

struct ClassOutline {
  maxplus::Outline outline;
  std::vector<double> durations;  // seconds, by the numbers that the outline's items have
  /// By item: its lane and which of the lane's segments it is.
  struct Place {
    std::size_t lane{}, segment{};
  };
  std::vector<Place> places;
};

/// Items are the segments, in the order of issue; those of equal instructions have one duration.
ClassOutline outline_of(const program::Program& program, const StepSchedule& schedule);

}  // namespace ds::engine
