#include "simulator/engine/engine.h"

#include <gtest/gtest.h>

#include "tests/support/jobs.h"

namespace ds::engine {
namespace {

/// Made-up durations that are all different, so that a count that is off shows.
Durations some_durations(const program::Program& program) {
  Durations durations;
  for (std::size_t i = 0; i < program.ops.size(); ++i)
    durations.push_back({1e-3 * (1 + 0.37 * static_cast<double>(i) + 0.011 * static_cast<double>(i * i))});
  return durations;
}

TEST(Engine, BothDepthsAgreeOnOneRank) {
  for (const support::Small& small : support::small_variants()) {
    SCOPED_TRACE(support::describe(small));
    const program::Program program = program::lower(support::small_job(small));
    const Durations durations = some_durations(program);
    const program::StepSummary event = program::summarise(program, play(program, durations));
    const program::StepSummary analytic = analyse(program, durations);
    EXPECT_NEAR(event.step_time.value, analytic.step_time.value, 1e-9 * analytic.step_time.value);
    EXPECT_NEAR(event.parts.compute.value, analytic.parts.compute.value, 1e-9 * analytic.step_time.value);
    EXPECT_NEAR(event.parts.optimizer.value, analytic.parts.optimizer.value, 1e-9 * analytic.step_time.value);
    EXPECT_NEAR(event.parts.total().value, event.step_time.value, 1e-9 * event.step_time.value);
    ASSERT_EQ(event.classes.size(), analytic.classes.size());
  }
}

TEST(Engine, NoInstructionStartsBeforeTheOneBeforeItHasEnded) {
  const program::Program program = program::lower(support::small_job({}));
  const program::Timeline timeline = play(program, some_durations(program));
  for (std::size_t i = 1; i < timeline.rows.size(); ++i)
    EXPECT_GE(timeline.rows[i].start.value, timeline.rows[i - 1].end.value - 1e-12);
  EXPECT_NEAR(timeline.rows.front().start.value, 0, 1e-12);
  EXPECT_NEAR(timeline.rows.back().end.value, timeline.length.value, 1e-12);
}

}  // namespace
}  // namespace ds::engine
