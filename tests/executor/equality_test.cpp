// What must not change a bit of a training run, and what may change only so much.
#include <gtest/gtest.h>

#include <cmath>

#include "tests/executor/trainer.h"

namespace ds::executor {
namespace {

using support::Small;
using support::Trainer;
using workload::Precision;

struct Outcome {
  std::vector<double> weights, losses;
};

Outcome train(const Small& small, int steps = 4, kernels::Library library = kernels::Library::simd) {
  Trainer trainer(support::small_job(small), library);
  Outcome run;
  for (int s = 0; s < steps; ++s) run.losses.push_back(trainer.step(s).loss);
  run.weights = trainer.weights();
  return run;
}

void expect_same_bits(const Outcome& a, const Outcome& b) {
  EXPECT_EQ(a.losses, b.losses);
  EXPECT_EQ(a.weights, b.weights);
}

TEST(Training, TwoRunsWithOneSeedAreBitIdentical) {
  for (Small small : support::small_variants())
    for (const Precision precision : {Precision::fp32, Precision::fp64}) {
      SCOPED_TRACE(support::describe(small));
      small.precision = precision;
      expect_same_bits(train(small), train(small));
    }
}

TEST(Training, RecomputeChangesNoBit) {
  for (Small small : support::small_variants()) {
    if (small.full_recompute) continue;
    SCOPED_TRACE(support::describe(small));
    for (const Precision precision : {Precision::fp32, Precision::fp64}) {
      small.precision = precision;
      Small full = small, selective = small;
      full.full_recompute = selective.selective_recompute = true;
      const Outcome kept = train(small);
      expect_same_bits(kept, train(full));
      expect_same_bits(kept, train(selective));
    }
  }
}

TEST(Training, TheScheduleChangesNoBit) {
  for (Small small : support::small_variants()) {
    if (small.schedule == workload::Schedule::gpipe) continue;
    SCOPED_TRACE(support::describe(small));
    small.precision = Precision::fp32;
    small.micro_batches = 3;
    Small gpipe = small;
    gpipe.schedule = workload::Schedule::gpipe;
    expect_same_bits(train(small), train(gpipe));
  }
}

TEST(Training, AnotherSeedGivesAnotherRun) {
  workload::Job job = support::small_job({});
  Trainer one(job);
  job.seed = 2;
  Trainer two(job);
  EXPECT_NE(one.step(0).loss, two.step(0).loss);
}

/// Sums in another order: 1e-12 in fp64 is some thousand roundings of 1e-16.
TEST(Training, FlashAndUnfusedAttentionAgree) {
  for (const auto family : {workload::Family::gpt, workload::Family::llama}) {
    Small small{.family = family};
    Small unfused = small;
    unfused.flash = false;
    const Outcome a = train(small), b = train(unfused);
    for (std::size_t i = 0; i < a.losses.size(); ++i) EXPECT_NEAR(a.losses[i], b.losses[i], 1e-12);
  }
}

TEST(Training, ReferenceAndFastKernelsAgree) {
  for (const auto family : {workload::Family::gpt, workload::Family::llama}) {
    const Small small{.family = family};
    const Outcome a = train(small), b = train(small, 4, kernels::Library::reference);
    for (std::size_t i = 0; i < a.losses.size(); ++i) EXPECT_NEAR(a.losses[i], b.losses[i], 1e-11);
  }
}

TEST(Training, SinglePrecisionFollowsDoublePrecision) {
  for (const auto family : {workload::Family::gpt, workload::Family::llama}) {
    Small small{.family = family};
    const Outcome exact = train(small, 10);
    small.precision = Precision::fp32;
    const Outcome single = train(small, 10);
    for (std::size_t i = 0; i < exact.losses.size(); ++i)
      EXPECT_NEAR(single.losses[i] / exact.losses[i], 1, 1e-4) << "step " << i;
  }
}

TEST(Training, ForwardAloneLeavesWeightsAndGivesTheStepsLoss) {
  Trainer trainer(support::small_job({}));
  trainer.step(0);
  const std::vector<double> before = trainer.weights();
  trainer.write_tokens(1);
  const double loss = trainer.forward();
  EXPECT_EQ(trainer.weights(), before);
  EXPECT_EQ(trainer.step(1).loss, loss);
}

/// One step's gradient does not depend on how its sequences are cut into micro-batches.
TEST(Training, MicroBatchesAddUpToTheBatch) {
  Small four{.micro_batch = 1, .micro_batches = 4};
  Small one{.micro_batch = 4, .micro_batches = 1};
  Trainer a(support::small_job(four)), b(support::small_job(one));
  a.write_tokens(0), b.write_tokens(0);
  EXPECT_NEAR(a.forward(), b.forward(), 1e-13);
}

}  // namespace
}  // namespace ds::executor
