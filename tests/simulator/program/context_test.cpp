// Ranks that share a sequence out: keys and values travel to queries, and all of them reduce the gradients of weights.
#include <gtest/gtest.h>

#include "tests/support/counts.h"
#include "tests/support/jobs.h"

namespace ds::program {
namespace {

using collective::Collective;
using support::count;
using workload::CpKind;

constexpr std::int64_t kLayers = 3, kMicroBatches = 2, kSequence = 32;

workload::Job job_on(CpKind kind, std::int64_t cp, std::int64_t tp = 1, std::int64_t dp = 1) {
  support::Small small = support::small_to_share(kLayers, kMicroBatches);
  small.family = workload::Family::llama, small.precision = workload::Precision::bf16;
  small.sequence = kSequence;
  small.cp = cp, small.cp_kind = kind, small.tp = tp, small.dp = dp;
  return support::small_job(small);
}

/// FLOPs of attention on one rank, of a whole step.
double attention_flops(const Program& program) {
  double sum = 0;
  support::for_each_of_a_step(program, [&](const Instruction& instruction) {
    for (const Operator& one : program.operators_of(instruction))
      if (ops::is_attention(program.op(one.op).what)) sum += ops::flops(program.op(one.op)).value;
  });
  return sum;
}

TEST(Context, ProgramsPassTheChecker) {
  for (const CpKind kind : {CpKind::ring, CpKind::all_gather, CpKind::all_to_all})
    for (const auto& [cp, tp, dp] : {std::array<std::int64_t, 3>{2, 1, 1}, {4, 1, 1}, {2, 2, 2}, {2, 1, 4}})
      for (const int zero : {0, 1, 3})
        for (const auto recompute : {workload::Recompute::none, workload::Recompute::selective}) {
          workload::Job job = job_on(kind, cp, tp, dp);
          job.plan.zero = zero, job.plan.recompute = recompute;
          job.plan.overlap.grad_reduce = dp > 1;
          EXPECT_EQ(check(lower(job)), std::nullopt) << cp << " " << tp << " " << dp << " " << zero;
          EXPECT_EQ(check(unroll(lower(job))), std::nullopt);
        }
}

/// Keys go around to all but their owner; backward they go around again, and their gradients all the way home.
TEST(Context, ARingPassesKeysOnAndTheirGradientsHome) {
  for (const std::int64_t cp : {2, 3, 4}) {
    workload::Job job = job_on(CpKind::ring, cp);
    job.train.sequence_length = 24;
    EXPECT_EQ(count(lower(job), Collective::shift, kContextGroup), (3 * cp - 2) * kLayers * kMicroBatches);
  }
}

/// Gathered for the forward and once more for the backward, whose gradients are scattered.
TEST(Context, GathersKeysForEachPass) {
  const Program program = lower(job_on(CpKind::all_gather, 4));
  EXPECT_EQ(count(program, Collective::all_gather, kContextGroup), 2 * kLayers * kMicroBatches);
  EXPECT_EQ(count(program, Collective::reduce_scatter, kContextGroup), kLayers * kMicroBatches);
}

TEST(Context, ExchangesTokensForHeadsAndBack) {
  const Program program = lower(job_on(CpKind::all_to_all, 2));
  EXPECT_EQ(count(program, Collective::all_to_all, kContextGroup), 4 * kLayers * kMicroBatches);
}

/// All kinds do the work of one rank, in equal parts.
TEST(Context, SharesTheWorkOfAttentionOut) {
  const double alone = attention_flops(lower(job_on(CpKind::ring, 1)));
  for (const CpKind kind : {CpKind::ring, CpKind::all_gather, CpKind::all_to_all})
    EXPECT_NEAR(attention_flops(lower(job_on(kind, 2))) * 2, alone, alone * 0.02);
}

/// Ranks of one sequence reduce gradients with data-parallel ones, and share the optimizer's states with them.
TEST(Context, CountsAmongDataParallelRanksWhereWeightsAreMeant) {
  const auto states = [](const Program& program) {
    std::int64_t bytes = 0;
    for (const TrainedTensor& tensor : program.tensors)
      bytes = std::max(bytes, program.buffer(tensor.first_moment).size.bound.value);
    return bytes;
  };
  EXPECT_EQ(states(lower(job_on(CpKind::ring, 2, 1, 2))), states(lower(job_on(CpKind::ring, 1, 1, 4))));
  workload::Job job = job_on(CpKind::ring, 2);
  job.plan.zero = 0;
  EXPECT_GT(count(lower(job), Collective::all_reduce, kDataGroup), 0);
}

/// Activations of a rank are those of its tokens.
TEST(Context, ARankHoldsItsPartOfTheActivations) {
  const auto activations = [](std::int64_t cp) {
    const Program program = lower(job_on(CpKind::ring, cp));
    std::int64_t bytes = 0;
    for (const Buffer& buffer : program.buffers)
      if (buffer.part == Part::activations && buffer.life == Life::slot)
        bytes += buffer.size.bound.value * buffer.copies;
    return bytes;
  };
  // What is split is kept once more.
  EXPECT_LT(4 * activations(2), 3 * activations(1));
}

}  // namespace
}  // namespace ds::program
