// The recurrence over plain numbers, by hand.

#include "simulator/engine/recurrence.h"

#include <gtest/gtest.h>

namespace ds::engine {
namespace {

constexpr std::int32_t kForwardPass = 0, kBackwardPass = 1, kNorm = 2;

/// Two stages, 1f1b, `m` micro-batches. Stage s: forward f[s], backward b[s]; a message takes d; then a meeting for free.
Lines two_stages(std::int32_t m, std::array<double, 2> f, std::array<double, 2> b, double d) {
  const Pass norm{.points = {{.stop = Stop::meet}}};
  Line first{
      .passes = {{.points = {{.after = f[0], .stop = Stop::send, .direction = kForward, .seconds = d}}},
                 {.points = {{.stop = Stop::receive, .direction = kBackward, .seconds = d}}, .rest = b[0]},
                 norm}};
  Line second{
      .passes = {{.points = {{.stop = Stop::receive, .direction = kForward, .seconds = d}}, .rest = f[1]},
                 {.points = {{.after = b[1], .stop = Stop::send, .direction = kBackward, .seconds = d}}},
                 norm}};
  first.visits.push_back(kForwardPass);
  for (std::int32_t i = 0; i < m; ++i) {
    if (i + 1 < m) first.visits.push_back(kForwardPass);
    first.visits.push_back(kBackwardPass);
    second.visits.push_back(kForwardPass);
    second.visits.push_back(kBackwardPass);
  }
  first.visits.push_back(kNorm);
  second.visits.push_back(kNorm);
  return {.stages = {first, second}, .parties = {2}};
}

/// Even stages without latency: (m + p - 1)(f + b).
TEST(Recurrence, AnEvenPipelineFillsAndDrains) {
  EXPECT_NEAR(Recurrence().run(two_stages(4, {1, 1}, {2, 2}, 0)), (4 + 1) * (1 + 2), 1e-12);
}

/// The second stage is the bottleneck: f0, then a message and its own work each time, then the last gradient home.
TEST(Recurrence, ASlowLastStageSetsThePace) {
  EXPECT_NEAR(Recurrence().run(two_stages(3, {1, 4}, {1, 5}, 0.5)), 1 + 3 * (0.5 + 4 + 5) + 0.5 + 1, 1e-12);
}

TEST(Recurrence, TurnsChangeNothingButTheTimeItTakes) {
  const Lines lines = two_stages(50, {1, 1.3}, {2.1, 1.9}, 0.1);
  const Turns turns = turns_of(lines);
  ASSERT_EQ(turns.size(), 2U * 101 + 1);  // every visit, and one that comes to the meeting first
  EXPECT_EQ(Recurrence().run(lines, turns), Recurrence().run(lines));
  Lines dearer = two_stages(50, {2, 1.3}, {2.1, 3.9}, 0.2);  // turns do not depend on costs
  EXPECT_EQ(Recurrence().run(dearer, turns), Recurrence().run(dearer));
}

TEST(Recurrence, FewerWaitsTakeNoLonger) {
  for (const double d : {0.0, 0.3, 2.0}) {
    const Lines lines = two_stages(6, {1, 1.3}, {2.1, 1.9}, d);
    const double bound = Recurrence().run(thinned(lines)), whole = Recurrence().run(lines);
    EXPECT_LE(bound, whole);
    EXPECT_GE(bound, 6 * (1 + 2.1));
    EXPECT_EQ(thinned(lines).stages[0].visits.size(), 1U);
  }
}

}  // namespace
}  // namespace ds::engine
