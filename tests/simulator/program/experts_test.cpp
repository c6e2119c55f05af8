// Experts that ranks share out: rows go to them and come back, and fewer ranks reduce their gradients.
#include <gtest/gtest.h>

#include <map>

#include "tests/support/counts.h"
#include "tests/support/jobs.h"

namespace ds::program {
namespace {

using collective::Collective;
using support::count;

constexpr std::int64_t kLayers = 3, kMicroBatches = 2, kExperts = 8;

workload::Job job_on(std::int64_t tp, std::int64_t dp, std::int64_t ep, std::int64_t shared_experts = 0) {
  support::Small small = support::small_to_share(kLayers, kMicroBatches);
  small.family = workload::Family::llama, small.precision = workload::Precision::bf16;
  small.tp = tp, small.dp = dp;
  workload::Job job = support::small_job(small);
  job.model.moe = workload::Moe{.experts = kExperts,
                                .top_k = 2,
                                .expert_ffn = 12,
                                .shared_experts = shared_experts,
                                .dense_layers = {}};
  job.plan.ep = ep;
  job.plan.etp = ep > 1 ? 1 : tp;
  return job;
}

bool is_kept(const Program& program, std::string_view name) {
  for (const Buffer& buffer : program.buffers)
    if (buffer.name == name && buffer.life == Life::slot) return true;
  return false;
}

/// What comes back is kept only where it is multiplied then; else probabilities go to the experts, one a row.
TEST(Experts, KeepResultsOnlyWhereTheseAreMultiplied) {
  for (const std::int64_t ep : {1, 2}) {
    workload::Job job = job_on(1, 2, ep);
    const std::string_view results = ep > 1 ? "layers.moe.returned" : "layers.moe.o";
    const Program results_weighted = lower(job);
    EXPECT_TRUE(is_kept(results_weighted, results));
    job.habits.experts_multiply = true;
    const Program activations_weighted = lower(job);
    EXPECT_EQ(check(activations_weighted), std::nullopt);
    EXPECT_FALSE(is_kept(activations_weighted, results));
    EXPECT_TRUE(is_kept(activations_weighted, ep > 1 ? "layers.moe.factors.received" : "layers.moe.factors"));
    EXPECT_EQ(count(activations_weighted, Collective::all_to_all, kExpertGroup) -
                  count(results_weighted, Collective::all_to_all, kExpertGroup),
              ep > 1 ? 2 * kLayers * kMicroBatches : 0);
  }
}

/// Elements of experts, over all ranks that hold different ones.
std::int64_t expert_elements(const Program& program) {
  std::int64_t sum = 0;
  for (const TrainedTensor& tensor : program.tensors)
    if (tensor.name.starts_with("moe.up") || tensor.name.starts_with("moe.down"))
      sum += tensor.shape.elements() * tensor.copies;
  return sum;
}

TEST(Experts, ProgramsPassTheChecker) {
  for (const auto& [tp, dp, ep] :
       {std::array<std::int64_t, 3>{1, 4, 2}, {1, 4, 4}, {2, 2, 4}, {2, 4, 2}, {2, 1, 2}})
    for (const std::int64_t shared : {0, 1})
      for (const bool early : {false, true}) {
        workload::Job job = job_on(tp, dp, ep, shared);
        job.plan.overlap.grad_reduce = early;
        EXPECT_EQ(check(lower(job)), std::nullopt) << tp << " " << dp << " " << ep << " " << shared;
        job.plan.precision = workload::Precision::fp8, job.plan.fp8_recipe = "block";
        EXPECT_EQ(check(lower(job)), std::nullopt) << "fp8 " << tp << " " << dp << " " << ep << " " << shared;
        job.model.mla = workload::Mla{.q_lora_rank = 12,
                                      .kv_lora_rank = 8,
                                      .qk_nope_head_dim = 4,
                                      .qk_rope_head_dim = 2,
                                      .v_head_dim = 6};
        job.plan.recompute = workload::Recompute::full;
        EXPECT_EQ(check(unroll(lower(job))), std::nullopt);
      }
}

/// Rows of the products of one forward, of one layer.
std::int64_t expert_rows(const workload::Job& job) {
  const Program program = lower(job);
  for (const ops::Op& op : program.ops)
    if (const auto* product = std::get_if<ops::GroupedLinear>(&op.what)) return product->tokens;
  return 0;
}

TEST(Experts, HaveRowsForTheirCapacityOrForTheBusiest) {
  workload::Job job = job_on(1, 4, 4);
  const std::int64_t even = expert_rows(job);
  const auto with = [&](std::optional<double> capacity, double skew) {
    job.model.moe->capacity_factor = capacity, job.model.moe->skew = skew;
    EXPECT_EQ(check(lower(job)), std::nullopt);
    return expert_rows(job);
  };
  EXPECT_EQ(with(2, 1), 2 * even);
  EXPECT_EQ(with(1e300, 1), with(4, 1));       // each token once for every expert
  EXPECT_EQ(with(std::nullopt, 3), 2 * even);  // two experts a rank: 3 and 1 times the mean
  EXPECT_EQ(with(1, 3), even);
  job = job_on(1, 4, 1);
  const std::int64_t at_home = expert_rows(job);
  EXPECT_EQ(with(std::nullopt, 3), at_home);  // a rank that has all experts has all rows
}

/// Experts of one rank of several with the same ones are gathered and reduced over these.
TEST(Experts, AreShardedOverTheRanksThatHaveTheSameOnes) {
  for (const int zero : {2, 3})
    for (const bool beside : {false, true}) {
      workload::Job job = job_on(1, 4, 2);
      job.plan.zero = zero, job.plan.zero_group = 4;
      job.plan.overlap.param_gather = job.plan.overlap.grad_reduce = beside;
      const Program program = lower(job);
      EXPECT_EQ(check(program), std::nullopt) << zero << beside;
      EXPECT_EQ(check(unroll(program)), std::nullopt) << zero << beside;
      for (const TrainedTensor& tensor : program.tensors)
        EXPECT_EQ(tensor.shards,
                  tensor.name.starts_with("moe.up") || tensor.name.starts_with("moe.down") ? 2 : 4)
            << tensor.name;
    }
}

/// Two pipelines in opposite directions, whose forwards and backwards take turns.
TEST(Experts, AreSharedOutInBothDirections) {
  for (const std::int64_t tp : {1, 2})
    for (const bool fp8 : {false, true}) {
      workload::Job job = job_on(tp, 4, 4, 1);
      job.plan.pp = 2, job.model.layers = 4, job.plan.stage_layers = {{2}, {2}};
      job.plan.schedule = workload::Schedule::dualpipe;
      job.train.global_batch = 6 * job.plan.micro_batch * job.plan.dp;
      if (fp8) job.plan.precision = workload::Precision::fp8, job.plan.fp8_recipe = "block";
      EXPECT_EQ(check(lower(job)), std::nullopt) << tp << fp8;
      EXPECT_EQ(check(unroll(lower(job))), std::nullopt);
    }
}

/// Each way of sending rows, each kind of overlap, each pipeline: what lowering makes passes the checker, in both forms.
TEST(Experts, TravelInEveryWay) {
  using workload::Schedule;
  for (const auto dispatch : {workload::Dispatch::all_to_all, workload::Dispatch::hierarchical})
    for (const bool fp8 : {false, true})
      for (const std::int64_t etp : {1, 2})
        for (const auto schedule : {Schedule::one_f_one_b, Schedule::interleaved, Schedule::dualpipe})
          for (const bool experts : {false, true})
            for (const bool shared : {false, true})
              for (const auto recompute : {workload::Recompute::none, workload::Recompute::full}) {
                workload::Job job = job_on(2, 4, 4, 1);
                job.model.moe->groups = 4, job.model.moe->groups_per_token = 2;
                job.plan.etp = etp, job.plan.pp = 2, job.plan.recompute = recompute;
                job.plan.schedule = schedule, job.plan.vpp = schedule == Schedule::interleaved ? 2 : 1;
                job.model.layers = 4, job.plan.stage_layers = workload::split_layers(4, 2, job.plan.vpp);
                job.train.global_batch = 6 * job.plan.micro_batch * job.plan.dp;
                if (fp8) job.plan.precision = workload::Precision::fp8, job.plan.fp8_recipe = "block";
                if (fp8) job.plan.dispatch_precision = workload::DispatchPrecision::fp8;
                job.plan.dispatch = dispatch;
                job.plan.overlap.experts = experts, job.plan.overlap.shared_experts = shared;
                const Program program = lower(job);
                EXPECT_EQ(check(program), std::nullopt);
                EXPECT_EQ(check(unroll(program)), std::nullopt);
              }
}

/// Tokens travel in 8 bits there, and gradients of results; results and gradients of tokens come back in 16. With scales of
/// blocks there is one of 32 bits for 128 elements.
TEST(Experts, TravelInEightBitsOneWay) {
  workload::Job job = job_on(1, 4, 4);
  job.plan.precision = workload::Precision::fp8, job.plan.fp8_recipe = "block";
  job.plan.dispatch_precision = workload::DispatchPrecision::fp8;
  const Program program = lower(job);
  const double rows = static_cast<double>(expert_rows(job)) * 16;
  std::map<double, int> bytes;
  for (const Instruction& one : program.instructions)
    if (one.kind == Kind::collective && one.comm.what == Collective::all_to_all)
      ++bytes[one.comm.bytes.expected_bytes];
  ASSERT_EQ(bytes.size(), 2U);
  EXPECT_EQ(bytes.begin()->first, rows * 33 / 32);
  EXPECT_EQ(bytes.rbegin()->first, rows * 2);
  EXPECT_EQ(bytes.begin()->second, bytes.rbegin()->second);
}

/// With a lane of their own, exchanges wait for what they send alone: weight gradients and shared experts stand behind them.
TEST(Experts, ExchangesDoNotWaitForWhatTheyDoNotSend) {
  const auto behind = [](std::int64_t shared, bool overlap) {
    workload::Job job = job_on(1, 4, 4, shared);
    job.plan.overlap.shared_experts = overlap;
    const Program program = lower(job);
    int forward = 0, weights = 0;
    for (std::size_t i = 0; i + 1 < program.instructions.size(); ++i) {
      const Instruction &one = program.instructions[i], &next = program.instructions[i + 1];
      if (one.kind != Kind::collective || one.comm.what != Collective::all_to_all) continue;
      EXPECT_EQ(one.lane != LaneId{0}, overlap);
      if (next.operators.count == 0) continue;
      const ops::Op& op = program.op(program.operators_of(next).front().op);
      weights += op.pass == ops::Pass::weight_gradient ? 1 : 0;
      forward += std::holds_alternative<ops::Linear>(op.what) && op.pass == ops::Pass::forward ? 1 : 0;
    }
    return std::pair(forward > 0, weights > 0);
  };
  EXPECT_EQ(behind(1, false), std::pair(false, false));
  EXPECT_TRUE(behind(1, true).first);
  EXPECT_TRUE(behind(0, true).second);
}

/// Rows go out and come back, forward and backward.
TEST(Experts, RowsGoOutAndComeBack) {
  const Program program = lower(job_on(1, 4, 2));
  EXPECT_EQ(count(program, Collective::all_to_all, kExpertGroup), 4 * kLayers * kMicroBatches);
  EXPECT_EQ(count(lower(job_on(1, 4, 1)), Collective::all_to_all, kExpertGroup), 0);
}

/// Rows of a group of etp ranks are gathered behind the exchange, and sums scattered before the way back.
TEST(Experts, AreCutOverRanksOfTheirOwn) {
  workload::Job job = job_on(2, 4, 4);
  job.plan.etp = 2;
  for (const auto recompute : {workload::Recompute::none, workload::Recompute::full}) {
    job.plan.recompute = recompute;
    EXPECT_EQ(check(lower(job)), std::nullopt);
  }
  job.plan.recompute = workload::Recompute::none;
  const Program program = lower(job);
  EXPECT_EQ(count(program, Collective::all_gather, kExpertTensorGroup), 2 * kLayers * kMicroBatches);
  EXPECT_EQ(count(program, Collective::reduce_scatter, kExpertTensorGroup), 2 * kLayers * kMicroBatches);
  EXPECT_EQ(expert_elements(program) * 2, expert_elements(lower(job_on(2, 4, 4))));
}

/// All of them, each on as many ranks as there are groups.
TEST(Experts, AreSharedOut) {
  const std::int64_t all = expert_elements(lower(job_on(1, 4, 1)));
  for (const std::int64_t ep : {2, 4}) {
    const Program program = lower(job_on(1, 4, ep));
    EXPECT_EQ(expert_elements(program) * ep, all);
    EXPECT_EQ(program.grid.size(Axis::edp), 4 / ep);
  }
}

/// Those that have the same experts reduce their gradients; all reduce the others'.
TEST(Experts, GradientsAreReducedByWhoHasThem) {
  const Program program = lower(job_on(1, 4, 2));
  EXPECT_EQ(count(program, Collective::reduce_scatter, kExpertDataGroup), kLayers);
  EXPECT_GT(count(program, Collective::reduce_scatter, kDataGroup), kLayers);
  const Program each_its_own = lower(job_on(1, 4, 4));
  EXPECT_EQ(count(each_its_own, Collective::reduce_scatter, kExpertDataGroup), 0);
  EXPECT_EQ(count(each_its_own, Collective::all_gather, kExpertDataGroup), 0);
}

}  // namespace
}  // namespace ds::program
