#pragma once
// Pipeline schedules: in which order a stage runs the forward and backward of its micro-batches. An order follows from
// (stages, stage, micro-batches) with unit times, never from predicted ones, so that every rank derives the same.

#include <cstdint>
#include <vector>

#include "simulator/workload/job.h"

namespace ds::program {

struct ScheduledPass {
  bool forward{};
  std::int32_t micro{};
};

/// All forwards, then all backwards (Huang et al. 2019).
std::vector<ScheduledPass> gpipe(std::int32_t stages, std::int32_t stage, std::int32_t micro_batches);

/// One forward, one backward, after stages - 1 - stage forwards (PipeDream-Flush, Narayanan et al. 2021, section 2.2).
std::vector<ScheduledPass> one_forward_one_backward(std::int32_t stages, std::int32_t stage,
                                                    std::int32_t micro_batches);

/// The order of `schedule`.
std::vector<ScheduledPass> order_of(workload::Schedule schedule, std::int32_t stages, std::int32_t stage,
                                    std::int32_t micro_batches);

/// Most micro-batches whose forward has begun and whose backward has not ended: the slots that saved activations need.
std::int32_t most_in_flight(const std::vector<ScheduledPass>& order);

}  // namespace ds::program
