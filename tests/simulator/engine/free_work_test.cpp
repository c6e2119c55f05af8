#include "simulator/engine/free_work.h"

#include <gtest/gtest.h>

#include <set>

#include "simulator/workload/rules.h"
#include "tests/simulator/engine/random_plans.h"

namespace ds::engine {
namespace {

auto step_of(const program::Program& program) {
  return [&program](const Durations& durations) { return analyse(program, durations).step_time; };
}

/// Ranks that do one thing after the other save of each kind what it takes, and all together are the step.
TEST(FreeWork, AddsUpToTheStepWhereNothingHides) {
  for (const std::int64_t tp : {1, 2}) {
    Draw draw(1);
    support::Small small{.layers = 3, .micro_batches = 2, .tp = tp};
    const workload::Job job = support::small_job(small);
    const program::Program program = program::lower(job);
    const Durations durations = random_durations(draw, program, 0.05, 0.5);
    const std::vector<Freed> freed = saved_if_free(program, durations, step_of(program));
    Seconds sum{};
    for (const Freed& one : freed) sum += one.saved;
    const double step = analyse(program, durations).step_time.value;
    EXPECT_NEAR(sum.value, step, 1e-9 * step);
    EXPECT_EQ(freed.size(),
              tp == 1 ? 4U : 5U);  // products, attention, the update, the rest, and communication
  }
}

TEST(FreeWork, SavesNoMoreThanThereIs) {
  std::set<std::string_view> seen;
  int plans = 0;
  for (std::uint64_t seed = 0; plans < 60; ++seed) {
    Draw draw(seed);
    const workload::Job job = job_of(random_plan(draw));
    if (workload::first_violation(job)) continue;
    ++plans;
    SCOPED_TRACE(seed);
    const program::Program program = program::lower(job);
    const Durations durations = random_durations(draw, program, 0.5, 0.5);
    const Seconds step = analyse(program, durations).step_time;
    Seconds before = step;
    for (const Freed& one : saved_if_free(program, durations, step_of(program))) {
      EXPECT_GT(one.saved, Seconds{});
      EXPECT_LE(one.saved, before) << "most first";
      before = one.saved;
      seen.insert(one.what);
    }
  }
  for (const char* what : {"matrix products", "tensor-parallel communication", "messages between stages",
                           "data-parallel communication"})
    EXPECT_TRUE(seen.contains(what)) << what;
}

}  // namespace
}  // namespace ds::engine
