#pragma once
// Joins what the executor measures with what the cost model reads.

#include <vector>

#include "executor/calibrate/calibrate.h"
#include "executor/calibrate/together.h"
#include "simulator/cost/cost.h"

namespace ds::cli {

/// What one rank alone took, as the profile of this machine: one table per operator class, and the best rates among them.
cost::Profile profile_of(const std::vector<executor::OperatorTime>& times, std::int64_t rounds);

/// Adds what several ranks took at once: communications, and tables of their own.
void add(cost::Profile& profile, const executor::TogetherTimes& times);

}  // namespace ds::cli
