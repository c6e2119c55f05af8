// What of kernels, programs and environment Megatron-LM's launches decide.
#include <gmock/gmock.h>

#include "tests/simulator/convert/launches.h"

namespace ds::convert {
namespace {

using testing::HasSubstr;
using workload::Attention;
using workload::CudaGraphs;

bool fuses(const std::string& flags, std::string_view pass) { return megatron_job(flags).habits.fuses(pass); }

TEST(MegatronKernels, FusionsAreSwitchedOffByTheirFlags) {
  EXPECT_TRUE(fuses("", "rope") && fuses("", "bias_gelu") && fuses("", "bias_dropout_add"));
  EXPECT_FALSE(fuses("--no-rope-fusion", "rope"));
  EXPECT_TRUE(fuses("--no-rope-fusion", "bias_swiglu"));
  EXPECT_FALSE(fuses("--no-bias-gelu-fusion", "bias_gelu"));
  EXPECT_FALSE(fuses("--no-bias-swiglu-fusion", "bias_swiglu"));
  EXPECT_FALSE(fuses("--no-bias-dropout-fusion", "bias_dropout_add"));
}

TEST(MegatronKernels, OnlyFlashAttentionItselfHasVersions) {
  EXPECT_EQ(megatron_job("").plan.attention, Attention::flash);
  EXPECT_EQ(megatron_job("--attention-backend fused").plan.attention, Attention::flash);
  EXPECT_EQ(megatron_job("--attention-backend flash").plan.attention, Attention::flash2);
  EXPECT_EQ(megatron_job("--attention-backend flash --flash-attention-version 3").plan.attention,
            Attention::flash3);
  EXPECT_THAT(megatron_refusal("--attention-backend flash --flash-attention-version 4"),
              HasSubstr("another version than 2 and 3"));
  EXPECT_EQ(megatron_job("--attention-backend unfused").plan.attention, Attention::unfused);
}

TEST(MegatronKernels, TheEnvironmentMayTakeKernelsOfAttentionAway) {
  const std::string start = "torchrun pretrain_gpt.py " + kSmall;
  const auto attention = [](const std::string& script) {
    return job_of(convert_megatron(script, on_nodes(1))).plan.attention;
  };
  const std::string neither = "export NVTE_FLASH_ATTN=0 NVTE_FUSED_ATTN=0\n";
  EXPECT_EQ(attention(neither + start), Attention::unfused);
  EXPECT_EQ(attention("export NVTE_FLASH_ATTN=0\n" + start), Attention::flash);
  EXPECT_EQ(attention("export NVTE_FUSED_ATTN=0\n" + start), Attention::flash2);
  EXPECT_EQ(attention("export NVTE_FUSED_ATTN=1\n" + start), Attention::flash);
  EXPECT_EQ(attention(neither + start + "--attention-backend fused"), Attention::flash);
  Asked asked = on_nodes(1);
  asked.file = "launch.yaml";
  asked.vocab = 50257;
  const Conversion made = convert_megatron(
      "ENV_VARS:\n  NVTE_FLASH_ATTN: 0\n  NVTE_FUSED_ATTN: \"0\"\n  HOSTS:\n    - a\nMODEL_ARGS:\n  "
      "--num-layers: "
      "2\n  --hidden-size: 64\n  --num-attention-heads: 2\n  --seq-length: 64\n  --micro-batch-size: 1\n",
      asked);
  EXPECT_EQ(job_of(made).plan.attention, Attention::unfused);
  EXPECT_TRUE(has_note(made, "are read as --attention-backend unfused"));
}

TEST(MegatronKernels, ScopesOfCudaGraphsAreModulesNow) {
  EXPECT_EQ(megatron_job("--cuda-graph-impl local --cuda-graph-modules attn").plan.cuda_graphs,
            CudaGraphs::partial);
  EXPECT_EQ(megatron_job("--cuda-graph-impl local").plan.cuda_graphs, CudaGraphs::full);
  EXPECT_EQ(megatron_job("--cuda-graph-modules attn").plan.cuda_graphs, CudaGraphs::none);
}

/// In bf16 gradients are summed in fp32 without being asked, in fp16 not.
TEST(MegatronKernels, GradientsOfHalfPrecisionAreWideOnlyWhereAskedFor) {
  std::string half = kSmall;
  half.replace(half.find("--bf16"), 6, "--fp16");
  const auto kept = [&](const std::string& flags) {
    return job_of(convert_megatron(half + flags, on_nodes(1))).habits.fp16_gradient_type;
  };
  EXPECT_EQ(kept(""), "working");
  EXPECT_EQ(kept("--accumulate-allreduce-grads-in-fp32"), "fp32");
  EXPECT_EQ(megatron_job("--accumulate-allreduce-grads-in-fp32").habits.fp16_gradient_type, "working");
}

TEST(MegatronKernels, GroupsOfMicroBatchesAreAsManyAsStages) {
  const std::string two =
      "--pipeline-model-parallel-size 2 --num-layers-per-virtual-pipeline-stage 2 "
      "--microbatch-group-size-per-virtual-pipeline-stage ";
  EXPECT_EQ(megatron_refusal(two + "2"), "");
  EXPECT_THAT(megatron_refusal(two + "4"),
              HasSubstr("groups of micro-batches that are not as many as stages"));
}

TEST(MegatronKernels, OtherProgramsTrainOtherModels) {
  EXPECT_THAT(refusal_of([] { convert_megatron("torchrun pretrain_bert.py " + kSmall, on_nodes(1)); }),
              HasSubstr("pretrain_bert.py: cannot be predicted yet: models other than decoders of text"));
  EXPECT_THAT(refusal_of([] {
                convert_megatron("--hybrid-layer-pattern M*M* --hidden-size 64", [] {
                  Asked asked = on_nodes(1);
                  asked.lenient = true;
                  return asked;
                }());
              }),
              HasSubstr("--hybrid-layer-pattern: makes layers other than attention and MLP"));
}

TEST(MegatronKernels, NoughtExpertsAreNone) {
  EXPECT_FALSE(megatron_job("--num-experts 0").model.moe);
  EXPECT_EQ(megatron_job("--position-embedding-type yarn").model.position, workload::Position::rope);
}

}  // namespace
}  // namespace ds::convert
