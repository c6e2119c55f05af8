#pragma once
// Two chunks a stage, down the ranks and back up, with gradients of weights where there would be a bubble.

#include <algorithm>
#include <array>
#include <utility>

#include "simulator/workload/schedule/scheduled_pass.h"

namespace ds::workload {

/// Writes the order of one rank, micro-batches of either chunk in turn.
class ZeroBubbleVWriter {
 public:
  explicit ZeroBubbleVWriter(std::int32_t micro_batches) : micro_batches_(micro_batches) {}

  void forward(std::int32_t chunk) { add(chunk, 0, {.forward = true}); }
  void inputs(std::int32_t chunk) { add(chunk, 1, {.gradients = Gradients::inputs}); }
  void weights(std::int32_t chunk) { add(chunk, 2, {.gradients = Gradients::weights}); }
  void backward(std::int32_t chunk) {
    inputs(chunk);
    weights(chunk);
  }
  std::int32_t forwards(std::int32_t chunk) const { return next_[static_cast<std::size_t>(chunk)][0]; }
  /// Micro-batches whose gradients of weights are left.
  std::int32_t left(std::int32_t chunk) const {
    const auto& next = next_[static_cast<std::size_t>(chunk)];
    return next[1] - next[2];
  }
  std::vector<ScheduledPass> take() { return std::move(order_); }

 private:
  /// Those that a step does not have are left out.
  void add(std::int32_t chunk, std::size_t leg, ScheduledPass pass) {
    pass.micro = next_[static_cast<std::size_t>(chunk)][leg]++;
    pass.chunk = chunk;
    if (pass.micro < micro_batches_) order_.push_back(pass);
  }

  std::int32_t micro_batches_;
  std::array<std::array<std::int32_t, 3>, 2> next_{};  // by chunk and leg
  std::vector<ScheduledPass> order_;
};

/// Rank r holds the chunks r and 2 stages - 1 - r of the model, so that the last one hands its first chunk's result to its second
/// by itself. With forwards, gradients of inputs and those of weights that take equally long no rank waits between its first
/// pass and its last, and none holds more than 2 stages chunks of activations, which are those of 1f1b on its first stage (V-ZB:
/// Qi et al. 2024, "Pipeline Parallelism with Controllable Memory", table 2; the order is that of PyTorch's
/// ScheduleZBVZeroBubble). A step of fewer than 2 stages - 1 micro-batches leaves out what it has not.
inline std::vector<ScheduledPass> zero_bubble_v(std::int32_t stages, std::int32_t stage,
                                                std::int32_t micro_batches, std::int32_t /*chunks*/) {
  const std::int32_t enough = std::max(2 * stages - 1, micro_batches);
  ZeroBubbleVWriter order(micro_batches);
  for (std::int32_t i = 0; i < 2 * (stages - stage) - 1; ++i) order.forward(0);
  for (std::int32_t i = 0; i < stage; ++i) {
    order.forward(1);
    order.forward(0);
  }
  for (std::int32_t i = 0; i < stages - stage; ++i) {
    order.forward(1);
    order.backward(1);
  }
  while (order.forwards(1) < enough) {
    if (order.forwards(0) < enough) order.forward(0);
    order.backward(0);
    order.forward(1);
    order.backward(1);
  }
  for (std::int32_t i = 0; i < stage; ++i) {
    order.inputs(0);
    order.inputs(1);
  }
  for (std::int32_t i = 0; i < stages - stage; ++i) order.backward(0);
  for (const std::int32_t chunk : {1, 0})
    while (order.left(chunk) > 0) order.weights(chunk);
  return order.take();
}

}  // namespace ds::workload
