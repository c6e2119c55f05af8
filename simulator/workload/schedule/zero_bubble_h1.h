#pragma once
// Gradients of weights wait until they fill what would be a bubble.

#include <algorithm>

#include "simulator/workload/schedule/scheduled_pass.h"

namespace ds::workload {

/// 1f1b with a backward in two parts: gradients of weights wait until they fill what would be a bubble, but never so
/// long that a stage holds more micro-batches than the first does (ZB-H1, Qi et al. 2024, section 2.3).
inline std::vector<ScheduledPass> zero_bubble_h1(std::int32_t stages, std::int32_t stage,
                                                 std::int32_t micro_batches) {
  const std::int32_t warm_up = std::min(stages - 1 - stage, micro_batches);
  std::vector<ScheduledPass> order;
  std::int32_t weights = 0;  // micro-batches whose weight gradients are done
  const auto forward = [&](std::int32_t m) { order.push_back({.forward = true, .micro = m}); };
  const auto inputs = [&](std::int32_t m) {
    order.push_back({.forward = false, .micro = m, .gradients = Gradients::inputs});
  };
  const auto weight_pass = [&] {
    order.push_back({.forward = false, .micro = weights++, .gradients = Gradients::weights});
  };
  for (std::int32_t m = 0; m < warm_up; ++m) forward(m);
  // A stage has begun stages - stage micro-batches more than it has sent back, and may hold `stages` in all.
  for (std::int32_t m = warm_up; m < micro_batches; ++m) {
    forward(m);
    inputs(m - warm_up);
    if (m - warm_up + 1 - weights > stage) weight_pass();
  }
  // Where 1f1b waits for the next gradient, weights fill the time.
  for (std::int32_t m = micro_batches - warm_up; m < micro_batches; ++m) {
    inputs(m);
    weight_pass();
  }
  while (weights < micro_batches) weight_pass();
  return order;
}

}  // namespace ds::workload
