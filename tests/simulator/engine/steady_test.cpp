// Of a steady state one period is played: the same comes out as when all of them are.
#include <gtest/gtest.h>

#include "simulator/engine/engine.h"
#include "simulator/engine/steady_calls.h"
#include "simulator/program/walk.h"
#include "tests/simulator/engine/random_plans.h"
#include "tests/support/sanitizer.h"

namespace ds::engine {
namespace {

using workload::Schedule;

SteadyCalls steady_calls_of(const support::Small& s, std::size_t rank_class) {
  const program::Program program = program::lower(support::small_job(s));
  return steady_calls(program::healthy_calls(program.classes[rank_class]));
}

TEST(SteadyCalls, AreThoseOfTheSchedule) {
  const SteadyCalls one = steady_calls_of({.layers = 4, .micro_batches = 40, .pp = 4}, 1);
  EXPECT_EQ(one.period, 2);
  EXPECT_EQ(one.micro_batches, 1);
  // All but the two forwards ahead and the two backwards that are left; the first backward writes gradients, others add.
  EXPECT_GE(one.end - one.begin, 2 * 40 - 6);
  const SteadyCalls rounds = steady_calls_of(
      {.layers = 8, .micro_batches = 40, .schedule = Schedule::interleaved, .pp = 4, .vpp = 2}, 2);
  EXPECT_EQ(rounds.period, 2 * 2 * 4);
  EXPECT_EQ(rounds.micro_batches, 4);
  support::Small both_ways{.layers = 4, .micro_batches = 80, .schedule = Schedule::dualpipe, .pp = 4};
  both_ways.tied = false;
  const SteadyCalls merged = steady_calls_of(both_ways, 0);
  EXPECT_EQ(merged.micro_batches, 1);
  const SteadyCalls short_one = steady_calls_of({.layers = 4, .micro_batches = 1, .pp = 4}, 1);
  EXPECT_EQ(short_one.period, 0);
}

void expect_the_same(const Played& a, const Played& b) {
  const double near = 1e-11 * b.summary.step_time.value;
  EXPECT_NEAR(a.summary.step_time.value, b.summary.step_time.value, near);
  EXPECT_NEAR(a.summary.busy.value, b.summary.busy.value, near);
  EXPECT_NEAR(a.summary.parts.pp_bubble.value, b.summary.parts.pp_bubble.value, near);
  ASSERT_EQ(a.timeline.rows.size(), b.timeline.rows.size());
  for (std::size_t r = 0; r < a.timeline.rows.size(); ++r) {
    const program::Row &one = a.timeline.rows[r], &other = b.timeline.rows[r];
    ASSERT_EQ(std::tuple(one.rank, one.call, one.instruction, one.micro),
              std::tuple(other.rank, other.call, other.instruction, other.micro));
    ASSERT_NEAR(one.start.value, other.start.value, near);
    ASSERT_NEAR(one.end.value, other.end.value, near);
  }
}

TEST(SteadyPlay, EqualsAPlayOfEveryPeriod) {
  constexpr int kPlans = support::sanitized() ? 40 : 120;  // so many that all schedules are among them
  int plans = 0, shortened = 0;
  std::map<Schedule, int> by_schedule;
  for (std::uint64_t seed = 0; plans < kPlans; ++seed) {
    Draw draw(seed);
    support::Small plan = random_plan(draw);
    plan.micro_batches *= draw.from(4, 16);
    const workload::Job job = job_of(plan);
    if (workload::first_violation(job)) continue;
    ++plans;
    SCOPED_TRACE(support::describe(plan) + " seed " + std::to_string(seed));
    const program::Program program = program::lower(job);
    const Durations durations =
        random_durations(draw, program, draw.coin() ? 0.05 : 3.0, draw.coin() ? 0.5 : 5.0);
    for (const bool sharing : {false, true}) {
      const Played steady = play(program, durations, {.sharing = sharing, .rows = Rows::all});
      const Played every =
          play(program, durations, {.sharing = sharing, .rows = Rows::all, .every_period = true});
      expect_the_same(steady, every);
      if (testing::Test::HasFailure()) return;
      EXPECT_LE(steady.events, every.events);
      if (steady.events >= every.events) continue;
      ++shortened;
      ++by_schedule[plan.schedule];
    }
  }
  EXPECT_GT(shortened, kPlans / 3);
  for (const Schedule schedule :
       {Schedule::one_f_one_b, Schedule::interleaved, Schedule::zb_h1, Schedule::dualpipe})
    EXPECT_GT(by_schedule[schedule], 0) << static_cast<int>(schedule);
}

}  // namespace
}  // namespace ds::engine
