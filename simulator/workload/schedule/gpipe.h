#pragma once
// All forwards, then all backwards.

#include "simulator/workload/schedule/scheduled_pass.h"

namespace ds::workload {

/// All forwards, then all backwards (Huang et al. 2019).
inline std::vector<ScheduledPass> gpipe(std::int32_t /*stages*/, std::int32_t /*stage*/,
                                        std::int32_t micro_batches) {
  std::vector<ScheduledPass> order;
  for (const bool forward : {true, false})
    for (std::int32_t m = 0; m < micro_batches; ++m) order.push_back({forward, m});
  return order;
}

}  // namespace ds::workload
