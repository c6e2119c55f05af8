// Configurations of DeepSpeed.
#include <gmock/gmock.h>

#include "tests/simulator/convert/launches.h"

namespace ds::convert {
namespace {

using testing::HasSubstr;

Asked asked_for(std::int64_t nodes) {
  Asked asked = on_nodes(nodes);
  asked.file = "ds.json";
  asked.model = "llama2-7b";
  asked.sequence = 4096;
  return asked;
}
workload::Job job(const std::string& text) { return job_of(convert_deepspeed(text, asked_for(2))); }
std::string refusal(const std::string& text) {
  return refusal_of([&] { convert_deepspeed(text, asked_for(2)); });
}

TEST(DeepSpeed, TwoOfThreeBatchesGiveTheThird) {
  // 16 ranks.
  EXPECT_EQ(
      job(R"({"train_micro_batch_size_per_gpu": 2, "gradient_accumulation_steps": 4})").train.global_batch,
      128);
  EXPECT_EQ(job(R"({"train_batch_size": 128, "gradient_accumulation_steps": 4})").plan.micro_batch, 2);
  EXPECT_EQ(job(R"({"train_batch_size": 128, "train_micro_batch_size_per_gpu": 2})").micro_batches(), 4);
  EXPECT_THAT(
      refusal(
          R"({"train_batch_size": 100, "train_micro_batch_size_per_gpu": 2, "gradient_accumulation_steps": 4})"),
      HasSubstr("train_batch_size: is 100, must be train_micro_batch_size_per_gpu 2 x "
                "gradient_accumulation_steps 4 x 16 data-parallel ranks, 128"));
  EXPECT_THAT(refusal("{}"), HasSubstr("train_micro_batch_size_per_gpu: is missing"));
  EXPECT_THAT(refusal(R"({"train_micro_batch_size_per_gpu": "auto"})"),
              HasSubstr("the trainer that starts DeepSpeed fills it in"));
}

TEST(DeepSpeed, StagesAndTheirOverlap) {
  const auto stage = [](const std::string& zero) {
    return job(R"({"train_micro_batch_size_per_gpu": 1, "bf16": {"enabled": true}, "zero_optimization": )" +
               zero + "}")
        .plan;
  };
  EXPECT_EQ(stage(R"({"stage": 1})").zero, 1);
  EXPECT_FALSE(stage(R"({"stage": 1})").overlap.grad_reduce);
  EXPECT_TRUE(stage(R"({"stage": 3})").overlap.grad_reduce);
  EXPECT_FALSE(stage(R"({"stage": 3, "overlap_comm": false})").overlap.grad_reduce);
  EXPECT_EQ(stage(R"({"stage": 3, "mics_shard_size": 8})").zero_group, 8);
  EXPECT_EQ(job(R"({"train_micro_batch_size_per_gpu": 1})").plan.zero, 0);
}

TEST(DeepSpeed, Offloads) {
  EXPECT_TRUE(
      job(R"({"train_micro_batch_size_per_gpu": 1, "bf16": {"enabled": true}, "zero_optimization": {"stage": 3, "offload_optimizer": {"device": "cpu"}}})")
          .plan.offload_optimizer);
  const workload::Plan plan =
      job(R"({"train_micro_batch_size_per_gpu": 1, "bf16": {"enabled": true}, "zero_optimization": {"stage": 3,
              "offload_optimizer": {"device": "cpu", "ratio": 0.3}}})")
          .plan;
  EXPECT_TRUE(plan.offload_optimizer);
  EXPECT_EQ(plan.offloaded_states, 300'000);
  EXPECT_TRUE(
      job(R"({"train_micro_batch_size_per_gpu": 1, "bf16": {"enabled": true}, "zero_optimization": {"stage": 3,
              "offload_optimizer": {"device": "cpu"}, "offload_param": {"device": "cpu"}}})")
          .plan.offload_weights);
  EXPECT_THAT(
      refusal(
          R"({"train_micro_batch_size_per_gpu": 1, "zero_optimization": {"stage": 3, "offload_param": {"device": "nvme"}}})"),
      HasSubstr("cpu and none are known"));
}

TEST(DeepSpeed, PrecisionIsWhatIsSwitchedOn) {
  EXPECT_EQ(job(R"({"train_micro_batch_size_per_gpu": 1, "fp16": {"enabled": true, "loss_scale": 0}})")
                .plan.precision,
            workload::Precision::fp16);
  EXPECT_EQ(job(R"({"train_micro_batch_size_per_gpu": 1, "fp16": {"enabled": false}})").plan.precision,
            workload::Precision::fp32);
  EXPECT_THAT(
      refusal(
          R"({"train_micro_batch_size_per_gpu": 1, "fp16": {"enabled": true}, "bf16": {"enabled": true}})"),
      HasSubstr("one of them"));
}

TEST(DeepSpeed, UnknownKeysAreRefusedWithTheNearest) {
  EXPECT_THAT(
      refusal(R"({"train_micro_batch_size_per_gpu": 1, "zero_optimization": {"stages": 3}})"),
      HasSubstr("zero_optimization.stages: is not a flag of DeepSpeed that is known here; did you mean "
                "zero_optimization.stage?"));
  EXPECT_THAT(refusal("[1]"), HasSubstr("ds.json"));
  EXPECT_THAT(refusal_of([] { convert_deepspeed("{}", on_nodes(1)); }), HasSubstr("--model: is missing"));
}

}  // namespace
}  // namespace ds::convert
