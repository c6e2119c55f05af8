#pragma once
// One forward, one backward, once the pipeline is full.

#include <algorithm>

#include "simulator/workload/schedule/scheduled_pass.h"

namespace ds::workload {

/// One forward, one backward, after stages - 1 - stage forwards (PipeDream-Flush, Narayanan et al. 2021, section 2.2).
inline std::vector<ScheduledPass> one_forward_one_backward(std::int32_t stages, std::int32_t stage,
                                                           std::int32_t micro_batches) {
  const std::int32_t warm_up = std::min(stages - 1 - stage, micro_batches);
  std::vector<ScheduledPass> order;
  for (std::int32_t m = 0; m < warm_up; ++m) order.push_back({true, m});
  for (std::int32_t m = warm_up; m < micro_batches; ++m) {
    order.push_back({true, m});
    order.push_back({false, m - warm_up});
  }
  for (std::int32_t m = micro_batches - warm_up; m < micro_batches; ++m) order.push_back({false, m});
  return order;
}

}  // namespace ds::workload
