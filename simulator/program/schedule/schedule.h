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
  std::int32_t chunk{0};
  bool operator==(const ScheduledPass&) const = default;
};

/// All forwards, then all backwards (Huang et al. 2019).
std::vector<ScheduledPass> gpipe(std::int32_t stages, std::int32_t stage, std::int32_t micro_batches);

/// One forward, one backward, after stages - 1 - stage forwards (PipeDream-Flush, Narayanan et al. 2021, section 2.2).
std::vector<ScheduledPass> one_forward_one_backward(std::int32_t stages, std::int32_t stage,
                                                    std::int32_t micro_batches);

/// One forward, one backward over several chunks a stage: groups of `stages` micro-batches go through chunk after chunk
/// (Narayanan et al. 2021, section 2.2). `micro_batches` is a multiple of `stages`.
std::vector<ScheduledPass> interleaved(std::int32_t stages, std::int32_t stage, std::int32_t micro_batches,
                                       std::int32_t chunks);

/// The order of `schedule`.
std::vector<ScheduledPass> order_of(workload::Schedule schedule, std::int32_t stages, std::int32_t stage,
                                    std::int32_t micro_batches, std::int32_t chunks);

/// Most micro-batches of a chunk whose forward has begun and whose backward has not ended: the slots that saved
/// activations need.
std::int32_t most_in_flight(const std::vector<ScheduledPass>& order, std::int32_t chunk);

}  // namespace ds::program
