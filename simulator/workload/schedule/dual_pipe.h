#pragma once
// Two pipelines in opposite directions.

#include <algorithm>
#include <array>
#include <utility>

#include "simulator/base/error.h"
#include "simulator/workload/schedule/scheduled_pass.h"

namespace ds::workload {
/// Writes the order of one rank. "Near" is the pipeline that begins in the rank's own half, "far" the other.
class DualPipeWriter {
 public:
  DualPipeWriter(std::int32_t stages, std::int32_t rank, std::int32_t micro_batches)
      : half_(micro_batches / 2), near_(rank < stages / 2 ? 0 : 1) {}

  enum class Pipe : std::uint8_t { near, far };

  void forward(Pipe pipe) { add(true, pipe, Gradients::all); }
  void backward(Pipe pipe, Gradients gradients = Gradients::all) {
    const ScheduledPass pass = add(false, pipe, gradients);
    if (gradients == Gradients::inputs) late_.push_back(pass);
  }
  void forward_and_backward(Pipe forward_of, Pipe backward_of) {
    add(true, forward_of, Gradients::all);
    add(false, backward_of, Gradients::all);
    order_.back().merged = true;
  }
  /// The weight gradients that have waited longest.
  void weights() {
    ensure(done_late_ < late_.size(), "weight gradients follow input gradients");
    ScheduledPass pass = late_[done_late_++];
    pass.gradients = Gradients::weights;
    order_.push_back(pass);
  }
  std::vector<ScheduledPass> take() { return std::move(order_); }

 private:
  ScheduledPass add(bool forward, Pipe pipe, Gradients gradients) {
    const std::int32_t chunk = pipe == Pipe::near ? near_ : 1 - near_;
    std::int32_t& next = next_[static_cast<std::size_t>(chunk)][forward ? 0 : 1];
    order_.push_back(
        {.forward = forward, .micro = chunk * half_ + next++, .chunk = chunk, .gradients = gradients});
    return order_.back();
  }

  std::int32_t half_, near_;
  std::array<std::array<std::int32_t, 2>, 2> next_{};  // by chunk, forward and backward
  std::vector<ScheduledPass> order_, late_;
  std::size_t done_late_{0};
};

/// Two pipelines in opposite directions: chunk 0 of a rank is stage `rank` of the one, which takes the first half of the
/// micro-batches, chunk 1 is stage `stages - 1 - rank` of the other. A forward of the one and a backward of the other run
/// as one call (DualPipe, DeepSeek-AI 2024, section 3.2.1; the order is that of the code published with it).
/// `stages` and `micro_batches` are even, micro_batches >= 2 stages.
///
/// With d ranks between this one and the middle, e = ranks from its end, the rank itself included:
/// 2 d forwards; e of both; d x {input gradients, weights, forward}; the merged calls; d x {backward, merged};
/// e of both backwards, of which the second half leaves the weights for later; these.
inline std::vector<ScheduledPass> dual_pipe(std::int32_t stages, std::int32_t rank,
                                            std::int32_t micro_batches) {
  using enum DualPipeWriter::Pipe;
  ensure(stages % 2 == 0 && micro_batches % 2 == 0 && micro_batches >= 2 * stages,
         "two pipelines in opposite directions have even stages and micro-batches enough");
  const std::int32_t from_end = std::min(rank, stages - 1 - rank);
  const std::int32_t e = from_end + 1, d = stages / 2 - e;
  DualPipeWriter order(stages, rank, micro_batches);
  for (std::int32_t i = 0; i < 2 * d; ++i) order.forward(near);
  for (std::int32_t i = 0; i < e; ++i) {
    order.forward(near);
    order.forward(far);
  }
  for (std::int32_t i = 0; i < d; ++i) {
    order.backward(far, Gradients::inputs);
    order.weights();
    order.forward(far);
  }
  for (std::int32_t i = 0; i < micro_batches / 2 - stages + e; ++i) {
    if (i == 0 && d == 0) {  // the two in the middle have nothing to overlap yet
      order.forward(near);
      order.backward(far);
    } else {
      order.forward_and_backward(near, far);
    }
    order.forward_and_backward(far, near);
  }
  for (std::int32_t i = 0; i < d; ++i) {
    order.backward(far);
    order.forward_and_backward(far, near);
  }
  // 2 e backwards in turn; the last e leave the weights.
  for (std::int32_t i = 0; i < 2 * e; ++i)
    order.backward(i % 2 == 0 ? far : near, i < e ? Gradients::all : Gradients::inputs);
  for (std::int32_t i = 0; i < d; ++i) {
    order.weights();
    order.backward(near, Gradients::inputs);
  }
  for (std::int32_t i = 0; i < e; ++i) order.weights();
  return order.take();
}

}  // namespace ds::workload
