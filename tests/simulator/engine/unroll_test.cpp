// A program and its long form say the same: to the checker, to both depths, to the layout.
#include <gtest/gtest.h>

#include "simulator/memory/live_bytes.h"
#include "simulator/memory/memory.h"
#include "simulator/program/walk.h"
#include "tests/simulator/engine/random_plans.h"
#include "tests/support/architectures.h"
#include "tests/support/sanitizer.h"

namespace ds::engine {
namespace {

/// Durations of the long form: an instruction takes there what it takes in its block.
Durations unrolled(const program::Program& program, const Durations& durations) {
  Durations result{.operators = durations.operators};
  std::vector<Seconds>& seconds = result.communications.tables.emplace_back();
  std::vector<Load>& loads = result.loads.emplace_back();
  for (const program::Template& body : program.templates)
    program::for_each_instruction(body, [&](program::InstructionId id, std::int32_t) {
      seconds.push_back(durations.communications.of(0, id));
      loads.push_back(durations.load(0, id));
    });
  return result;
}

void expect_near(const program::StepSummary& a, const program::StepSummary& b) {
  EXPECT_NEAR(a.step_time.value, b.step_time.value, 1e-12 * a.step_time.value);
  using Parts = program::TimeParts;
  for (const auto part : {&Parts::compute, &Parts::tp_comm, &Parts::pp_comm, &Parts::pp_bubble,
                          &Parts::dp_comm, &Parts::optimizer, &Parts::host, &Parts::other})
    EXPECT_NEAR((a.parts.*part).value, (b.parts.*part).value, 1e-9 * a.step_time.value);
  ASSERT_EQ(a.classes.size(), b.classes.size());
  for (std::size_t c = 0; c < a.classes.size(); ++c) {
    EXPECT_EQ(a.classes[c].name, b.classes[c].name);
    EXPECT_EQ(a.classes[c].count, b.classes[c].count);
    EXPECT_NEAR(a.classes[c].seconds.value, b.classes[c].seconds.value, 1e-9 * a.step_time.value);
  }
}

void expect_same(const workload::Job& job, Draw& draw) {
  const program::Program blocks = program::lower(job);
  const program::Program steps = program::unroll(blocks);
  EXPECT_EQ(program::check(blocks), std::nullopt);
  EXPECT_EQ(program::check(steps), std::nullopt);
  for (const program::Template& body : steps.templates) {
    ASSERT_LE(body.blocks.size(), 1U);
    for (const program::Block& block : body.blocks) EXPECT_EQ(block.times, 1);
  }
  const Durations of_blocks = random_durations(draw, blocks, 0.1, 1);
  const Durations of_steps = unrolled(blocks, of_blocks);
  expect_near(play(blocks, of_blocks).summary, play(steps, of_steps).summary);
  expect_near(analyse(blocks, of_blocks), analyse(steps, of_steps));
  const double limit = bound(blocks, of_blocks).value;
  EXPECT_NEAR(limit, bound(steps, of_steps).value, 1e-12 * limit);
  EXPECT_EQ(memory::most_host_bytes(blocks), memory::most_host_bytes(steps));
  program::Program one_memory = blocks;  // as on processors, where the host's is the arena's
  for (program::Buffer& buffer : one_memory.buffers) buffer.tier = program::Tier::device;
  const std::vector<memory::LiveBytes> live = memory::live_bytes(one_memory);
  for (std::size_t c = 0; c < blocks.classes.size(); ++c) {
    const memory::Layout a = memory::layout(blocks, c), b = memory::layout(steps, c);
    EXPECT_EQ(a.arena, b.arena);
    EXPECT_EQ(a.live_peak, b.live_peak);
    for (const auto part : {&memory::Parts::weights, &memory::Parts::gradients, &memory::Parts::optimizer,
                            &memory::Parts::activations, &memory::Parts::buffers, &memory::Parts::other})
      EXPECT_EQ(a.parts.*part, b.parts.*part);
    // Without placing anything.
    EXPECT_EQ(live[c].peak, a.live_peak);
    for (const auto part : {&memory::Parts::weights, &memory::Parts::gradients, &memory::Parts::optimizer,
                            &memory::Parts::activations, &memory::Parts::buffers})
      EXPECT_EQ(live[c].parts.*part, a.parts.*part);
  }
}

TEST(Unroll, SaysTheSameOfEveryVariant) {
  std::uint64_t seed = 0;
  for (support::Small small : support::small_variants()) {
    SCOPED_TRACE(support::describe(small));
    small.layers = 3;
    Draw draw(seed++);
    expect_same(support::small_job(small), draw);
  }
}

TEST(Unroll, SaysTheSameOfEveryArchitecture) {
  std::uint64_t seed = 0;
  for (const support::Architecture& one : support::architectures())
    for (const bool full : {false, true}) {
      SCOPED_TRACE(one.name);
      support::Small small{.family = one.family, .layers = 9, .full_recompute = full, .change = one.change};
      small.pp = 2, small.dp = 2, small.micro_batches = 3;
      Draw draw(seed++);
      expect_same(support::small_job(small), draw);
    }
}

TEST(Unroll, SaysTheSameOfRandomPlans) {
  int legal = 0;
  for (std::uint64_t seed = 0; seed < support::fewer<std::uint64_t>(4500) && !testing::Test::HasFailure();
       ++seed) {
    Draw draw(seed);
    const support::Small plan = random_plan(draw);
    const workload::Job job = job_of(plan);
    if (workload::first_violation(job)) continue;
    SCOPED_TRACE(testing::Message() << "seed " << seed << " " << support::describe(plan) << " tp " << plan.tp
                                    << " pp " << plan.pp << " dp " << plan.dp << " vpp " << plan.vpp);
    ++legal;
    expect_same(job, draw);
  }
  EXPECT_GE(legal, support::fewer(2000));
}

}  // namespace
}  // namespace ds::engine
