#pragma once
// A training run whose ranks a launcher has started: this process is one of them.

#include <optional>

#include "executor/mpi/world.h"
#include "executor/ranks/merge.h"
#include "executor/train.h"
#include "simulator/base/progress.h"

namespace ds::executor {

/// Trains as this rank of the world, in an arena of its own, and returns on rank 0 what all ranks say together, on the
/// others nothing. Waits for ranks that come late before the first step. Once `stop` is set on any rank, all end after the
/// same step. Of the context the parts that depend on the rank are filled in here. Throws InputError where the plan has
/// another number of ranks, MachineError where ranks have lowered different programs, else as run_rank.
std::optional<PlanResult> train_together(World& world, Context context, const StopToken& stop);

/// How far this rank's clock on the wall is ahead of rank 0's, as well as a meeting of all can tell. All ranks call it.
Seconds ahead_of_first(World& world);

}  // namespace ds::executor
