// What the host takes to launch kernels: by software, in graphs, and where runs are deterministic.
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
  EXPECT_EQ(kernels_of(kProduct, true), 2);
  EXPECT_DOUBLE_EQ(eager.time(kProduct, false).value, 2 * 50e-6);
  EXPECT_DOUBLE_EQ(eager.communication(false).value, 50e-6);
}

TEST(HostLaunches, DeterministicRunsFillWhatTheyAllocate) {
  const HostLaunches filled(job(R"({"base": "megatron-core", "deterministic": true})"));
  EXPECT_DOUBLE_EQ(filled.time(kProduct, false).value, 4 * 50e-6);
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

TEST(HostLaunches, RecipesReplayGraphsUnlessAJobSaysOtherwise) {
  EXPECT_EQ(job(R"("megatron-te")").plan.cuda_graphs, workload::CudaGraphs::full);
  EXPECT_EQ(job(R"("megatron-te")", R"(, "cuda_graphs": "none")").plan.cuda_graphs,
            workload::CudaGraphs::none);
  EXPECT_EQ(job(R"("megatron-core")").plan.cuda_graphs, workload::CudaGraphs::none);
}

}  // namespace
}  // namespace ds::cost
