#pragma once
// What rank 0 tells all ranks of a launcher before they begin.

#include "executor/mpi/world.h"
#include "executor/ranks/briefing.h"

namespace ds::executor {

/// Returns rank 0's briefing on every rank; what the others bring is not looked at. All ranks call it. Those that come first
/// wait for rank 0 without taking processor time.
Briefing hand_out(World& world, const Briefing& briefing);

}  // namespace ds::executor
