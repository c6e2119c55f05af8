#pragma once
// One forward, one backward, the two of them in one call.

#include <algorithm>

#include "simulator/workload/schedule/interleaved.h"
#include "simulator/workload/schedule/scheduled_pass.h"

namespace ds::workload {

/// A forward and the backward that follows it in one call, so that each has the other to compute beside its communication. Of one
/// micro-batch they could not be: there is a forward more before the first of them than the schedule has (Megatron-LM,
/// combined_1f1b.py and get_pp_rank_microbatches).
inline void add_both(std::vector<ScheduledPass>& order, ScheduledPass forward, ScheduledPass backward) {
  backward.merged = true;
  order.push_back(forward);
  order.push_back(backward);
}

/// 1f1b in that way.
inline std::vector<ScheduledPass> combined_one_forward_one_backward(std::int32_t stages, std::int32_t stage,
                                                                    std::int32_t micro_batches) {
  const std::int32_t warm_up = std::min(stages - stage, micro_batches);
  std::vector<ScheduledPass> order;
  for (std::int32_t m = 0; m < warm_up; ++m) order.push_back({true, m});
  for (std::int32_t m = warm_up; m < micro_batches; ++m) add_both(order, {true, m}, {false, m - warm_up});
  for (std::int32_t m = micro_batches - warm_up; m < micro_batches; ++m) order.push_back({false, m});
  return order;
}

/// The interleaved schedule in that way.
inline std::vector<ScheduledPass> combined_interleaved(std::int32_t stages, std::int32_t stage,
                                                       std::int32_t micro_batches, std::int32_t chunks) {
  const std::int32_t total = micro_batches * chunks;
  const std::int32_t warm_up = std::min(2 * (stages - 1 - stage) + (chunks - 1) * stages + 1, total);
  std::vector<ScheduledPass> order;
  for (std::int32_t k = 0; k < warm_up; ++k) order.push_back(interleaved_pass(true, k, stages, chunks));
  for (std::int32_t k = warm_up; k < total; ++k)
    add_both(order, interleaved_pass(true, k, stages, chunks),
             interleaved_pass(false, k - warm_up, stages, chunks));
  for (std::int32_t k = total - warm_up; k < total; ++k)
    order.push_back(interleaved_pass(false, k, stages, chunks));
  return order;
}

}  // namespace ds::workload
