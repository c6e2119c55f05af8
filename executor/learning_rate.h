#pragma once
// The learning rate by step.

#include <cstdint>

#include "simulator/workload/job.h"

namespace ds::executor {

/// Learning rate of step `step` (from 0) of a run of `steps`: peak = base x sqrt(global batch / reference batch);
/// linear warm-up over the first warmup_share of the steps, then half a cosine down to final_share of the peak
/// (Loshchilov & Hutter 2017, without restarts).
double learning_rate(const workload::Train& train, std::int64_t step, std::int64_t steps);

}  // namespace ds::executor
