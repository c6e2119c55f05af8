// Peaks that are put together from what stages do equal, to the byte, those of the lowered programs.
#include "simulator/memory/plan_peaks.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <map>
#include <span>

#include "simulator/memory/live_bytes.h"
#include "simulator/workload/settle.h"
#include "tests/simulator/engine/random_plans.h"

namespace ds::memory {
namespace {

using workload::Job;
using workload::Plan;

Bytes lowered_peak(const Job& job) {
  Bytes most;
  for (const LiveBytes& one : live_bytes(program::lower(job))) most = std::max(most, one.peak);
  return most;
}

/// A job on GPUs, of chunks with up to a dozen layers each.
Job random_job(support::Draw& draw) {
  support::Small small = engine::random_plan(draw);
  small.micro_batches *= draw.from(1, 4);
  const std::int64_t chunks = small.schedule == workload::Schedule::zb_v ? 2 : small.vpp;
  if (draw.coin()) {
    small.layers += small.pp * chunks * draw.from(1, 10);
    if (!small.stage_layers.empty())
      small.stage_layers = engine::random_split(draw, small.layers, small.pp, chunks);
  }
  Job job = engine::job_of(small);
  job.habits.allocator = "torch_caching";
  job.habits.dummy_weight_gradients = draw.coin();
  job.habits.keeps_gradients = draw.coin();
  job.habits.loss_copies = draw.from(0, 2);
  job.habits.workspace_bytes = draw.coin() ? 1000 : 0;
  job.habits.bucket_count = draw.from(0, 3);
  job.habits.bucket_elements = 100;
  if (draw.coin()) job.habits.fusions = {"rms_norm", "bias_swiglu"};
  job.train.global_batch *= 2;
  if (job.model.moe && small.dp % 2 == 0 && (small.zero < 2 || small.dp > 2) &&
      (small.tp == 1 || small.sequence_parallel) && small.schedule != workload::Schedule::dualpipe)
    job.plan.ep = 2;
  return job;
}

/// The same job with other micro-batches, lanes and recompute.
std::vector<Plan> variants_of(const Job& job, support::Draw& draw) {
  std::vector<Plan> plans{job.plan, job.plan, job.plan};
  plans[1].micro_batch *= 2;
  plans[2].overlap = {.grad_reduce = draw.coin(), .param_gather = draw.coin(), .p2p = draw.coin()};
  plans[2].recompute =
      draw.one_of({workload::Recompute::none, workload::Recompute::selective, workload::Recompute::full});
  plans[2].dropout = job.plan.precision != workload::Precision::fp8 && draw.coin() ? 0.1 : 0;
  return plans;
}

TEST(PlanPeaks, EqualThoseOfLoweredProgramsToTheByte) {
  constexpr std::uint64_t kJobs = 1000;
  std::map<workload::Schedule, int> by_schedule;
  std::map<int, int> by_zero;
  int experts = 0, fp8 = 0, given = 0, cut = 0, lowered = 0, tight = 0;
  for (std::uint64_t seed = 0; seed < kJobs; ++seed) {
    support::Draw draw(seed);
    Job job = random_job(draw);
    const std::vector<Plan> plans = variants_of(job, draw);
    PlanPeaks all(job);
    const std::vector<std::optional<Bytes>> peaks = all.of(plans);
    const std::vector<Bytes> floors = all.floors(plans);
    for (std::size_t i = 0; i < plans.size(); ++i) {
      job.plan = plans[i];
      workload::settle(job);
      EXPECT_LE(floors[i], lowered_peak(job)) << "seed " << seed << ", plan " << i;
      tight += 2 * floors[i].value > lowered_peak(job).value ? 1 : 0;
      // Two memories; another order; what one chunk hands to another.
      if (workload::offloads(plans[i]) || plans[i].order() != plans[i].schedule || plans[i].turns_back()) {
        EXPECT_EQ(peaks[i], std::nullopt);
        continue;
      }
      if (!peaks[i]) {  // its only loss is written whole by one head, and added to by the next
        EXPECT_EQ(job.micro_batches(), 1) << "seed " << seed << ", plan " << i;
        ++lowered;
        continue;
      }
      EXPECT_EQ(*peaks[i], lowered_peak(job)) << "seed " << seed << ", plan " << i;
      ++by_schedule[plans[i].schedule];
      ++by_zero[plans[i].zero];
      experts += plans[i].ep > 1 ? 1 : 0;
      fp8 += plans[i].precision == workload::Precision::fp8 ? 1 : 0;
      given += plans[i].stage_layers_given ? 1 : 0;
      cut += plans[i].stage_layers.front().front() > 7 ? 1 : 0;
    }
  }
  EXPECT_LT(lowered, 10);
  EXPECT_GT(tight, 1500);
  EXPECT_EQ(by_schedule.size(), 5U);
  EXPECT_EQ(by_zero.size(), 4U);
  for (const auto& [schedule, count] : by_schedule) EXPECT_GT(count, 100);
  for (const auto& [zero, count] : by_zero) EXPECT_GT(count, 100);
  for (const int count : {experts, fp8, given, cut}) EXPECT_GT(count, 20);
}

TEST(PlanPeaks, AreTheSameWithAnyNumberOfThreads) {
  support::Draw draw(1);
  Job job = random_job(draw);
  std::vector<Plan> plans;
  for (int i = 0; i < 20; ++i)
    for (const Plan& plan : variants_of(job, draw)) plans.push_back(plan);
  for (std::size_t i = 0; i < plans.size(); ++i) plans[i].sequence_parallel = i % 2 == 0 && plans[i].tp > 1;
  EXPECT_EQ(PlanPeaks(job, 1).of(plans), PlanPeaks(job, 4).of(plans));
}

TEST(PlanPeaks, LeaveToLoweringWhatIsPlacedAtOffsets) {
  const Job job = support::small_job({});
  EXPECT_EQ(job.habits.allocator, "arena");
  EXPECT_EQ(PlanPeaks(job).of(std::span(&job.plan, 1)).front(), std::nullopt);
}

}  // namespace
}  // namespace ds::memory
