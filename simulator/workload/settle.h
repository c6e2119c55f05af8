#pragma once
// What follows from a plan that keeps the rules. The reader asks for the plan of the file, a search for each of its own.

#include "simulator/workload/job.h"

namespace ds::workload {

/// Fills in the ranks of a CPU machine with the memory of each, and `stage_layers` by the split rule unless they were given.
/// May be asked again after the plan was changed.
void settle(Job& job);

}  // namespace ds::workload
