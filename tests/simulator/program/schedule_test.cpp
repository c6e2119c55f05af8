#include "simulator/program/schedule/schedule.h"

#include <gtest/gtest.h>

#include <set>
#include <string>
#include <tuple>

namespace ds::program {
namespace {

using workload::dual_pipe, workload::one_forward_one_backward, workload::zero_bubble_h1;

/// "F0 B0 F1+B1": forward, backward, input gradients (I), weight gradients (W). Of two pipelines in opposite directions, f b i w
/// are those of chunk 1.
std::string text(const std::vector<ScheduledPass>& order) {
  std::string result;
  for (const ScheduledPass& pass : order) {
    const char letter = pass.forward                          ? 'F'
                        : pass.gradients == Gradients::all    ? 'B'
                        : pass.gradients == Gradients::inputs ? 'I'
                                                              : 'W';
    if (!result.empty()) result += pass.merged ? '+' : ' ';
    result += static_cast<char>(pass.chunk == 0 ? letter : letter - 'A' + 'a');
    result += std::to_string(pass.micro);
  }
  return result;
}

/// By hand, with unit times. Two stages, the upper one receives activation m at time m + 1:
///   time     0  1  2  3  4  5  6  7  8  9
///   stage 0  F0 F1 .. I0 W0 F2 I1 W1 ...
///   stage 1  .. F0 I0 F1 I1 W0 F2 I2 W1 ...
/// Stage 1 may hold two micro-batches, so one weight pass of it is always behind.
TEST(ZeroBubble, OrdersOfTwoStages) {
  EXPECT_EQ(text(zero_bubble_h1(2, 0, 4)), "F0 F1 I0 W0 F2 I1 W1 F3 I2 W2 I3 W3");
  EXPECT_EQ(text(zero_bubble_h1(2, 1, 4)), "F0 I0 F1 I1 W0 F2 I2 W1 F3 I3 W2 W3");
}

/// Stage s of four begins 3 - s forwards ahead, and its weight passes stay s behind, up to the last gradient.
TEST(ZeroBubble, OrdersOfFourStages) {
  EXPECT_EQ(text(zero_bubble_h1(4, 0, 5)), "F0 F1 F2 F3 I0 W0 F4 I1 W1 I2 W2 I3 W3 I4 W4");
  EXPECT_EQ(text(zero_bubble_h1(4, 1, 5)), "F0 F1 F2 I0 F3 I1 W0 F4 I2 W1 I3 W2 I4 W3 W4");
  EXPECT_EQ(text(zero_bubble_h1(4, 2, 5)), "F0 F1 I0 F2 I1 F3 I2 W0 F4 I3 W1 I4 W2 W3 W4");
  EXPECT_EQ(text(zero_bubble_h1(4, 3, 5)), "F0 I0 F1 I1 F2 I2 F3 I3 W0 F4 I4 W1 W2 W3 W4");
}

/// No stage holds more micro-batches than the first stage of 1f1b does, until their weight gradients are done.
TEST(ZeroBubble, HoldsNoMoreMicroBatchesThanTheFirstStageOf1f1b) {
  for (const std::int32_t stages : {1, 2, 3, 4, 8})
    for (const std::int32_t m : {1, 2, 3, 8, 20})
      for (std::int32_t stage = 0; stage < stages; ++stage) {
        const auto order = zero_bubble_h1(stages, stage, m);
        const std::int32_t most = most_in_flight(one_forward_one_backward(stages, 0, m), 0);
        EXPECT_LE(most_in_flight(order, {0, Leg::forward}, {0, Leg::weights}), most);
        EXPECT_EQ(most_in_flight(order, 0), most_in_flight(one_forward_one_backward(stages, stage, m), 0));
      }
}

/// By hand from Figure 5 of the report, drawn for two ranks: e = 1, d = 0 on both. Micro-batches 0 and 1 start at rank 0, 2 and 3 at
/// rank 1.
TEST(DualPipe, OrdersOfTwoRanks) {
  EXPECT_EQ(text(dual_pipe(2, 0, 4)), "F0 f2 F1 b2 f3+B0 b3 I1 W1");
  EXPECT_EQ(text(dual_pipe(2, 1, 4)), "f2 F0 f3 B0 F1+b2 B1 i3 w3");
}

/// Rank 0: d = 1, e = 1. Two forwards; one of both; {i, w, f}; one pair of merged calls; {b, f+B}; b, I; {W, I}; W.
TEST(DualPipe, OrdersOfFourRanks) {
  EXPECT_EQ(text(dual_pipe(4, 0, 8)), "F0 F1 F2 f4 i4 w4 f5 F3+b5 f6+B0 b6 f7+B1 b7 I2 W2 I3 W3");
  EXPECT_EQ(text(dual_pipe(4, 1, 8)), "F0 f4 F1 f5 F2 b4 f6+B0 F3+b5 f7+B1 b6 B2 i7 I3 w7 W3");
}

/// A rank at the mirrored place does the same with the two pipelines exchanged.
TEST(DualPipe, IsSymmetric) {
  for (const std::int32_t stages : {2, 4, 6, 8})
    for (std::int32_t rank = 0; rank < stages; ++rank) {
      const std::int32_t m = 2 * stages + 2;
      auto mirrored = dual_pipe(stages, stages - 1 - rank, m);
      for (ScheduledPass& pass : mirrored) {
        pass.chunk = 1 - pass.chunk;
        pass.micro = (pass.micro + m / 2) % m;
      }
      EXPECT_EQ(dual_pipe(stages, rank, m), mirrored);
    }
}

/// Every micro-batch goes through every chunk of its pipeline once, in order: forward, inputs, weights.
void expect_every_leg_once(const std::vector<ScheduledPass>& order, std::int32_t micro_batches,
                           std::int32_t chunks) {
  std::set<std::tuple<std::int32_t, std::int32_t, Leg>> done;
  for (const ScheduledPass& pass : order)
    for (const Leg leg : {Leg::forward, Leg::inputs, Leg::weights}) {
      if (!runs(pass, leg)) continue;
      EXPECT_TRUE(done.insert({pass.chunk, pass.micro, leg}).second);
      if (leg == Leg::forward) continue;
      const Leg before = leg == Leg::inputs ? Leg::forward : Leg::inputs;
      EXPECT_TRUE(done.contains({pass.chunk, pass.micro, before}));
    }
  EXPECT_EQ(std::ssize(done), 3 * micro_batches * chunks);
}

void expect_every_leg_once(const workload::ScheduleEntry& schedule, std::int32_t stages, std::int32_t m) {
  const std::int32_t chunks = schedule.order == nullptr ? 2 : 1;
  for (std::int32_t stage = 0; stage < stages; ++stage)
    expect_every_leg_once(order_of(schedule.value, stages, stage, m, chunks), m, chunks);
}

TEST(Schedules, RunEveryLegOfEveryMicroBatchOnce) {
  for (const workload::ScheduleEntry& schedule : workload::kSchedules) {
    SCOPED_TRACE(schedule.name);
    for (const std::int32_t stages : {2, 4, 8})
      for (const std::int32_t m : {2 * stages, 4 * stages}) expect_every_leg_once(schedule, stages, m);
  }
}

}  // namespace
}  // namespace ds::program
