#pragma once
// Joins what the executor measures with what the cost model reads.

#include <vector>

#include "executor/calibrate/calibrate.h"
#include "simulator/cost/cost.h"

namespace ds::cli {

/// What was measured, as the profile of this machine: one table per operator class, and the best rates among them.
cost::Profile profile_of(const std::vector<executor::OperatorTime>& times, std::int64_t rounds);

}  // namespace ds::cli
