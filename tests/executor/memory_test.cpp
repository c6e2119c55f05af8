// The arena that a rank binds is the one that was predicted, to the byte.
#include <gtest/gtest.h>

#include "simulator/engine/predict.h"
#include "tests/executor/trainer.h"

namespace ds::executor {
namespace {

std::vector<support::Small> many_jobs() {
  std::vector<support::Small> jobs = support::small_variants();
  for (const std::int64_t sequence : {1, 17, 64})
    for (const std::int64_t micro_batch : {1, 3})
      for (const auto precision : {workload::Precision::fp32, workload::Precision::fp64})
        jobs.push_back({.layers = 3,
                        .hidden = 24,
                        .heads = 3,
                        .kv_heads = 3,
                        .ffn = 50,
                        .vocab = 37,
                        .sequence = sequence,
                        .micro_batch = micro_batch,
                        .micro_batches = 4,
                        .precision = precision});
  return jobs;
}

TEST(Arena, MeasuredEqualsPredictedToTheByteInBothDepths) {
  const cost::Profile profile = cost::rough_profile();
  ASSERT_GE(many_jobs().size(), 20U);
  for (const support::Small& small : many_jobs()) {
    SCOPED_TRACE(support::describe(small));
    const workload::Job job = support::small_job(small);
    support::Trainer trainer(job);
    trainer.step(0);
    for (const auto depth : {workload::Depth::event, workload::Depth::analytic})
      EXPECT_EQ(trainer.binding().highest_byte(),
                engine::predict(job, cost::Machine(job, profile), depth).peak);
  }
}

TEST(ArenaDeathTest, TheByteBehindItMayNotBeTouched) {
  const Arena arena(Bytes{4096 * 3});
  volatile std::byte* behind = arena.base() + arena.size().value;
  EXPECT_DEATH(*behind = std::byte{1}, "");
}

}  // namespace
}  // namespace ds::executor
