// Laws of both depths and of the bound, over random plans.

#include <gtest/gtest.h>

#include <map>

#include "simulator/engine/engine.h"
#include "tests/simulator/engine/naive_play.h"
#include "tests/simulator/engine/random_plans.h"
#include "tests/support/sanitizer.h"

namespace ds::engine {
namespace {

constexpr std::uint64_t kPlans = support::fewer(1200);

struct World {
  support::Small plan;
  program::Program program;
  Durations durations;
};

std::string describe(const support::Small& s, std::uint64_t seed) {
  std::string text = "plan " + std::to_string(seed) + ": " + support::describe(s);
  const auto add = [&](const char* name, std::int64_t value) {
    text += std::string(" ") + name + " " + std::to_string(value);
  };
  add("tp", s.tp), add("pp", s.pp), add("dp", s.dp), add("vpp", s.vpp), add("m", s.micro_batches),
      add("zero", s.zero);
  add("layers", s.layers), add("grad_reduce", s.overlap.grad_reduce ? 1 : 0),
      add("param_gather", s.overlap.param_gather ? 1 : 0);
  add("p2p", s.overlap.p2p ? 1 : 0);
  return text;
}

/// Calls `law` for each random plan that keeps the rules.
template <class Law>
void for_each_plan(std::uint64_t count, Law&& law) {
  std::uint64_t legal = 0;
  for (std::uint64_t seed = 0; legal < count; ++seed) {
    ASSERT_LT(seed, 3 * count) << "most drawn plans are legal";
    Draw draw(seed);
    const support::Small plan = random_plan(draw);
    const workload::Job job = job_of(plan);
    if (workload::first_violation(job)) continue;
    ++legal;
    SCOPED_TRACE(describe(plan, seed));
    const program::Program program = program::lower(job);
    const double message = std::array{0.0, 0.05, 3.0}[static_cast<std::size_t>(draw.from(0, 2))];
    law(World{plan, program, random_durations(draw, program, message, draw.coin() ? 0.5 : 5.0)});
    if (testing::Test::HasFailure()) return;  // the first plan that breaks a law is enough
  }
}

void expect_equal(const program::StepSummary& a, const program::StepSummary& b, double relative) {
  const double near = relative * a.step_time.value;
  EXPECT_NEAR(a.step_time.value, b.step_time.value, near);
  EXPECT_NEAR(a.busy.value, b.busy.value, near);
  using Parts = program::TimeParts;
  for (const auto part : {&Parts::compute, &Parts::tp_comm, &Parts::pp_comm, &Parts::pp_bubble,
                          &Parts::dp_comm, &Parts::optimizer, &Parts::host, &Parts::other})
    EXPECT_NEAR((a.parts.*part).value, (b.parts.*part).value, near);
  EXPECT_EQ(a.checkpoint, b.checkpoint);
  ASSERT_EQ(a.classes.size(), b.classes.size());
  for (std::size_t c = 0; c < a.classes.size(); ++c) {
    EXPECT_EQ(a.classes[c].name, b.classes[c].name);
    EXPECT_EQ(a.classes[c].count, b.classes[c].count);
    EXPECT_NEAR(a.classes[c].seconds.value, b.classes[c].seconds.value, near);
  }
}

/// Nothing is shared: both depths are the same longest paths, found in two ways.
TEST(Depths, BoundIsNotAboveAnalyticAndAnalyticEqualsEventWithoutSharing) {
  for_each_plan(kPlans, [](const World& world) {
    const Played event = play(world.program, world.durations, {.sharing = false});
    const program::StepSummary analytic = analyse(world.program, world.durations);
    const double time = analytic.step_time.value;
    EXPECT_LE(bound(world.program, world.durations).value, time * (1 + 1e-9));
    EXPECT_GE(bound(world.program, world.durations).value, time * 0.4);  // it says something
    EXPECT_LE(time, event.summary.step_time.value * (1 + 1e-9));
    expect_equal(event.summary, analytic, 1e-9);
    EXPECT_NEAR(event.summary.parts.total().value, event.summary.step_time.value, 1e-9 * time);
    EXPECT_NEAR(analytic.parts.total().value, time, 1e-9 * time);
  });
}

TEST(Depths, SharingOnlyEverSlowsDown) {
  int slowed = 0;
  for_each_plan(kPlans / 4, [&](const World& world) {
    const program::StepSummary analytic = analyse(world.program, world.durations);
    const program::StepSummary event = play(world.program, world.durations).summary;
    EXPECT_LE(analytic.step_time.value, event.step_time.value * (1 + 1e-9));
    EXPECT_NEAR(event.parts.total().value, event.step_time.value, 1e-9 * event.step_time.value);
    if (event.step_time.value > analytic.step_time.value * 1.001) ++slowed;
  });
  EXPECT_GT(slowed, support::fewer(10));
}

/// In a pipeline without tensor and data parallelism, only messages share links, and those are short.
TEST(Depths, SharingChangesAPurePipelineByLessThanAHundredth) {
  for (std::uint64_t seed = 0; seed < kPlans / 4; ++seed) {
    Draw draw(seed);
    support::Small plan = random_plan(draw);
    plan.tp = plan.dp = 1;
    const workload::Job job = job_of(plan);
    if (workload::first_violation(job)) continue;
    SCOPED_TRACE(describe(plan, seed));
    const program::Program program = program::lower(job);
    const Durations durations = random_durations(draw, program, 0.05, 0.5);
    const double alone = analyse(program, durations).step_time.value;
    EXPECT_NEAR(play(program, durations).summary.step_time.value, alone, 0.01 * alone);
  }
}

TEST(Depths, PlayingSegmentsIsPlayingInstructions) {
  for_each_plan(kPlans / 4, [](const World& world) {
    const NaivePlay naive(world.program, world.durations);
    ASSERT_TRUE(naive.finished());
    const program::Timeline expected = naive.third_step();
    const Played played = play(world.program, world.durations, {.sharing = false, .rows = Rows::all});
    const double near = 1e-12 * 3 * expected.length.value;  // times are counted over three steps
    EXPECT_NEAR(played.timeline.length.value, expected.length.value, near);
    ASSERT_EQ(played.timeline.rows.size(), expected.rows.size());
    for (std::size_t r = 0; r < expected.rows.size(); ++r) {
      const program::Row &a = played.timeline.rows[r], &b = expected.rows[r];
      ASSERT_EQ(std::tuple(a.rank, a.call, a.instruction, a.micro),
                std::tuple(b.rank, b.call, b.instruction, b.micro));
      ASSERT_NEAR(a.start.value, b.start.value, near);
      ASSERT_NEAR(a.end.value, b.end.value, near);
    }
  });
}

TEST(Depths, TheSummaryIsThatOfAllRows) {
  for_each_plan(kPlans / 4, [](const World& world) {
    const double ranks = world.program.grid.ranks();
    for (const PlayOptions& options :
         {PlayOptions{.sharing = false, .rows = Rows::all}, PlayOptions{.rows = Rows::all},
          PlayOptions{.cores = {ranks * 0.7}, .rows = Rows::all}}) {
      const Played played = play(world.program, world.durations, options);
      expect_equal(played.summary,
                   program::summarise(world.program, played.timeline, world.durations.communications), 1e-12);
      EXPECT_TRUE(
          play(world.program, world.durations, {options.cores, options.sharing}).timeline.rows.empty());
    }
  });
}

/// Bytes that a rank of each class sends and receives in a step, by where the messages come from.
TEST(Depths, WhatIsSentIsReceived) {
  for_each_plan(kPlans / 4, [](const World& world) {
    const program::Program& program = world.program;
    EXPECT_EQ(program::check(program), std::nullopt);
    std::map<std::pair<std::size_t, std::int32_t>, std::int64_t> sent, received;
    for (std::size_t c = 0; c < program.classes.size(); ++c)
      for (const program::Phase& phase : program.classes[c].phases)
        for (const program::Call& call : phase.calls)
          program::for_each_distinct(program.body(call), [&](program::InstructionId id, std::int32_t times) {
            const program::Instruction& instruction = program.instruction(id);
            const program::Comm& comm = instruction.comm;
            const std::int64_t bytes = comm.bytes.bound.value * times;
            if (instruction.kind == program::Kind::send) sent[{c, comm.shift}] += bytes;
            if (instruction.kind != program::Kind::receive) return;
            const std::int32_t sender =
                program.grid.neighbour(comm.group, program.classes[c].first, -comm.shift);
            received[{program::class_of(program, sender), comm.shift}] += bytes;
          });
    EXPECT_EQ(sent, received);
  });
}

/// No step is shorter than what any rank has to do on its compute lane, waiting left out.
TEST(Depths, NoStepBeatsWhatItsRanksDo) {
  for_each_plan(kPlans / 4, [](const World& world) {
    const double step = analyse(world.program, world.durations).step_time.value;
    for (const program::RankClass& ranks : world.program.classes) {
      double work = 0;
      for (const program::Phase& phase : ranks.phases)
        for (const program::Call& call : phase.calls) {
          program::for_each_distinct(world.program.body(call),
                                     [&](program::InstructionId id, std::int32_t times) {
                                       if (world.program.instruction(id).lane == program::LaneId{0})
                                         work += alone(world.program, world.durations, 0, id).value * times;
                                     });
        }
      EXPECT_GE(step * (1 + 1e-9), work);
      EXPECT_GE(bound(world.program, world.durations).value * (1 + 1e-9), work);
    }
  });
}

}  // namespace
}  // namespace ds::engine
