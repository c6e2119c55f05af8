// What the host takes to launch kernels: by software, in graphs, around experts.
#include "simulator/cost/host_launches.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "simulator/workload/workload.h"

namespace ds::cost {
namespace {

workload::Job job(const std::string& software, const std::string& plan = "") {
  return workload::read_job_text(
      fmt::format(
          R"({{"model": {{"family": "gpt", "layers": 4, "hidden": 512, "heads": 8, "ffn_hidden": 2048, "vocab": 50000}},
        "cluster": {{"node": "dgx-h100", "nodes": 1}}, "software": {},
        "train": {{"sequence_length": 1024, "global_batch": 32}}, "plan": {{"micro_batch": 1, "precision": "bf16"{}}}}})",
          software, plan),
      "job.json");
}

const ops::Op kProduct{ops::Linear{.tokens = 128, .inputs = 64, .outputs = 64, .bias = true},
                       ops::Pass::weight_gradient, DataType::bf16};

TEST(HostLaunches, ABiasHasAGradientOfItsOwn) {
  const HostLaunches eager(job(R"("megatron-core")"));
  EXPECT_EQ(kernels_of(kProduct, {}), 2);
  EXPECT_DOUBLE_EQ(eager.time(kProduct, false).value, 2 * 105e-6);
  EXPECT_DOUBLE_EQ(eager.communication(false).value, 120e-6);
}

/// Megatron-LM's own tests take as long without it (decision 038).
TEST(HostLaunches, DeterministicRunsLaunchAsMuch) {
  const HostLaunches eager(job(R"("megatron-core")")),
      deterministic(job(R"({"base": "megatron-core", "deterministic": true})"));
  EXPECT_EQ(deterministic.time(kProduct, false), eager.time(kProduct, false));
}

TEST(HostLaunches, GraphsAreLaunchedAtOnce) {
  const HostLaunches full(job(R"("megatron-core")", R"(, "cuda_graphs": "full")"));
  const HostLaunches partial(job(R"("megatron-core")", R"(, "cuda_graphs": "partial")"));
  EXPECT_EQ(full.time(kProduct, false).value, 0);
  EXPECT_EQ(full.time(kProduct, true).value, 0);
  EXPECT_EQ(full.communication(true).value, 0);
  EXPECT_EQ(partial.time(kProduct, false).value, 0);
  EXPECT_GT(partial.time(kProduct, true).value, 0);
  EXPECT_GT(partial.communication(true).value, 0);
}

workload::Job with_experts(const std::string& keys, const std::string& node = "gb200-nvl64") {
  workload::Job result = workload::read_job_text(
      fmt::format(
          R"({{"model": {{"family": "moe", "layers": 4, "hidden": 512, "heads": 8, "ffn_hidden": 2048, "vocab": 50000,
                          "moe": {{"experts": 64, "top_k": 2, "expert_ffn": 512}}}},
        "cluster": {{"node": "{}", "nodes": 1}}, "train": {{"sequence_length": 1024, "global_batch": 64}},
        "plan": {{"micro_batch": 1, "ep": 8, "precision": "fp8", "fp8_recipe": "mxfp8", "cuda_graphs": "none"{}}}}})",
          node, keys),
      "job.json");
  return result;
}
const ops::Op kRoute{ops::Route{.tokens = 1024, .experts = 64, .top_k = 2}, ops::Pass::forward,
                     DataType::fp32};
const ops::Op kRows{ops::Dispatch{.tokens = 1024, .width = 512, .top_k = 2, .experts = 64},
                    ops::Pass::forward, DataType::bf16};
const ops::Op kExperts{
    ops::GroupedLinear{.tokens = 2048, .experts = 8, .inputs = 512, .outputs = 512, .fp8 = true},
    ops::Pass::forward, DataType::bf16};

TEST(HostLaunches, FusionsAroundExpertsAreFewerKernels) {
  const auto takes = [](const ops::Op& op, const char* passes) {
    return HostLaunches(with_experts(fmt::format(R"(, "fusion": [{}])", passes))).time(op, false).value;
  };
  EXPECT_NEAR(takes(kRoute, R"("router")") / takes(kRoute, R"("rope")"), 31.0 / 72, 1e-9);
  EXPECT_GT(takes(kRows, R"("router")"), takes(kRows, R"("permute")"));
  EXPECT_GT(takes(kExperts, R"("router")"), takes(kExperts, R"("fp8_scales")"));
  // An exchange by kernels of its own does what of the router prepares it.
  const HostLaunches sent(with_experts(R"(, "fusion": ["router"], "dispatch": "hybrid")"));
  EXPECT_NEAR(sent.time(kRoute, false).value / takes(kRoute, R"("router")"), 17.0 / 31, 1e-9);
}

TEST(HostLaunches, ScalesOfBlocksAreCallsOfTheirOwn) {
  const auto kernels = [](ops::Pass pass, bool blocks) {
    const ops::Op op{ops::Linear{.tokens = 128, .inputs = 64, .outputs = 64, .fp8 = true}, pass,
                     DataType::bf16};
    return kernels_of(op, {.scales_of_blocks = blocks});
  };
  EXPECT_EQ(kernels(ops::Pass::forward, false), 1);
  EXPECT_NEAR(kernels(ops::Pass::forward, true), 1 + 6 * 10.0 / 72, 1e-12);
  EXPECT_NEAR(kernels(ops::Pass::input_gradient, true), 1 + 6 * 10.0 / 72, 1e-12);
  EXPECT_NEAR(kernels(ops::Pass::weight_gradient, true), 1 + 2 * 10.0 / 72, 1e-12);
}

TEST(HostLaunches, ProcessorsOfNodesDiffer) {
  const HostLaunches grace(with_experts("")), other(with_experts("", "dgx-b200"));
  EXPECT_NEAR(grace.time(kRoute, false).value / other.time(kRoute, false).value, 1.6, 1e-9);
  EXPECT_NEAR(grace.communication(false).value / other.communication(false).value, 1.6, 1e-9);
}

TEST(HostLaunches, WaitsForSizesWhereExpertsAreChosenFreely) {
  EXPECT_TRUE(HostLaunches(with_experts("")).waits_for_sizes());
  workload::Job roomy = with_experts("");
  if (roomy.model.moe) roomy.model.moe->capacity_factor = 1;
  EXPECT_FALSE(HostLaunches(roomy).waits_for_sizes());
  EXPECT_FALSE(HostLaunches(job(R"("megatron-core")")).waits_for_sizes());
}

TEST(HostLaunches, RecipesReplayGraphsUnlessAJobSaysOtherwise) {
  EXPECT_EQ(job(R"("megatron-te")").plan.cuda_graphs, workload::CudaGraphs::full);
  EXPECT_EQ(job(R"("megatron-te")", R"(, "cuda_graphs": "none")").plan.cuda_graphs,
            workload::CudaGraphs::none);
  EXPECT_EQ(job(R"("megatron-core")").plan.cuda_graphs, workload::CudaGraphs::none);
}

}  // namespace
}  // namespace ds::cost
