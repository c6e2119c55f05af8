#include "executor/train.h"

#include <gtest/gtest.h>

#include "simulator/base/error.h"
#include "simulator/engine/predict.h"
#include "tests/support/jobs.h"

namespace ds::executor {
namespace {

struct World {
  workload::Job job;
  program::Program program;
  memory::Layout layout;
  Text text{sentences(), 1200};

  static std::string sentences() {
    std::string text;
    for (int i = 0; i < 60; ++i) text += "the cat sat on the mat. ";
    return text;
  }
  explicit World(const support::Small& small) : job(support::small_job(small)), program(program::lower(job)) {
    layout = memory::layout(program, 0);
  }
  Context context(std::int64_t steps) const {
    return {.job = job, .program = program, .layout = layout, .text = text, .steps = steps};
  }
};

support::Small letters() {
  return {.hidden = 32,
          .heads = 2,
          .kv_heads = 2,
          .ffn = 64,
          .vocab = 128,
          .sequence = 24,
          .micro_batch = 4,
          .precision = workload::Precision::fp32};
}

TEST(Train, ASentenceIsLearntByHeart) {
  for (const auto family : {workload::Family::gpt, workload::Family::llama}) {
    support::Small small = letters();
    small.family = family;
    World world(small);
    world.job.train.hyper.base_learning_rate = 0.05;
    const RunResult result = run_rank(world.context(150));
    EXPECT_GT(result.held_back_before, 4.5);  // near log(128) = 4.85
    EXPECT_LT(result.held_back_after, 0.5);
    EXPECT_EQ(result.steps.size(), 150U);
  }
}

/// Two steps that warm up, of 9 s each, and then steps of 1 s, but for one.
TEST(Train, TheTimeThatIsLeftIsThatOfStepsLikeTheLast) {
  std::vector<StepRecord> seen(4);
  seen[0].wall = seen[1].wall = {9};
  seen[2].wall = seen[3].wall = {1};
  EXPECT_EQ(time_left(seen, 100), std::nullopt);
  seen.push_back({.step = 4, .wall = {30}});
  EXPECT_EQ(time_left(seen, 100), Seconds{95});
  EXPECT_EQ(time_left(seen, 5), Seconds{0});
  for (int i = 0; i < 200; ++i) seen.push_back({.wall = {0.5}});
  EXPECT_EQ(time_left(seen, 1205), Seconds{500});
}

/// A stop after the third step, of a run of hundreds: what is left of the work is not done.
TEST(Train, AStopEndsTheRunAfterTheStepAndSaysSo) {
  const World world(letters());
  Context context = world.context(300);
  context.may_begin = [](std::int64_t step) { return step < 3; };
  std::vector<std::int64_t> asked;
  context.as_first = [&](std::int64_t mine) { return asked.push_back(mine), 0; };
  const RunResult result = run_rank(context);
  EXPECT_TRUE(result.stopped);
  EXPECT_EQ(result.steps.size(), 3U);
  EXPECT_EQ(asked.size(), 1U);
  EXPECT_FALSE(result.held_back_after);  // rank 0 has said no
}

/// Of each instruction that computes half of the time was another's; what communicates does not count.
TEST(Train, TimeThatIsTakenFromCoresIsSeenInInstructionsThatCompute) {
  const World world(letters());
  const RunResult result = run_rank(world.context(4));
  MeasuredStep step = result.measured.back();
  EXPECT_LT(taken_from_cores(world.program, step), 0.9);
  step.cpu = step.wall;
  EXPECT_EQ(taken_from_cores(world.program, step), 0);
  for (program::Row& row : step.cpu.rows) row.end = row.start + Seconds{0.5 * (row.end - row.start).value};
  EXPECT_NEAR(taken_from_cores(world.program, step), 0.5, 1e-6);
}

TEST(Train, ALossThatIsNoNumberEndsTheRunAndNamesTheStep) {
  World world(letters());
  world.job.train.hyper.base_learning_rate = 1e30;
  std::int64_t good_steps = 0;
  Context context = world.context(20);
  context.on_step = [&](const StepRecord&) { ++good_steps; };
  try {
    run_rank(context);
    ADD_FAILURE() << "it went on";
  } catch (const RunFailed& e) {
    EXPECT_EQ(std::string(e.what()).find("step " + std::to_string(good_steps) + ":"), 0U) << e.what();
  }
}

TEST(Train, StopsBetweenStepsWhenAsked) {
  const World world(letters());
  StopToken stop;
  Context context = world.context(1000);
  context.may_begin = [&](std::int64_t) { return !stop.stop_requested(); };
  context.on_step = [&](const StepRecord& step) {
    if (step.step == 4) stop.signal = 2;
  };
  const RunResult result = run_rank(context);
  EXPECT_TRUE(result.stopped);
  EXPECT_EQ(result.steps.size(), 5U);
}

TEST(Train, MeasuresTheRowsThatArePredicted) {
  for (const support::Small& small : support::small_variants()) {
    SCOPED_TRACE(support::describe(small));
    support::Small sized = small;
    sized.vocab = 128;
    const World world(sized);
    const cost::Profile profile = cost::rough_profile();
    const engine::Prediction p =
        engine::predict(world.job, cost::Machine(world.job, profile), workload::Depth::event);
    const RunResult result = run_rank(world.context(4));
    const MeasuredStep* measured = median_step(result);
    ASSERT_NE(measured, nullptr);
    ASSERT_EQ(measured->cpu.rows.size(), p.timeline.rows.size());
    for (std::size_t r = 0; r < p.timeline.rows.size(); ++r) {
      const program::Row &a = p.timeline.rows[r], &b = measured->cpu.rows[r];
      EXPECT_TRUE(a.call == b.call && a.instruction == b.instruction && a.body == b.body &&
                  a.micro == b.micro);
      EXPECT_LE(b.start, b.end);
    }
    const program::StepSummary summary = program::summarise(world.program, measured->cpu);
    EXPECT_NEAR(summary.parts.total().value, summary.step_time.value, 1e-9 * summary.step_time.value);
    EXPECT_GE(summary.parts.other.value, 0);
  }
}

}  // namespace
}  // namespace ds::executor
