// What trainers refuse is predicted all the same, and said.
#include "simulator/workload/trainers.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/simulator/workload/jobs.h"

namespace ds::workload {
namespace {

using testing::HasSubstr;

/// All warnings about a job of 16 GPUs and 8 layers, one line each.
std::string warned(std::vector<std::string_view> overrides) {
  std::string all;
  for (const Warning& one : trainer_warnings(small_job(overrides))) all += one.path + ": " + one.text + "\n";
  return all;
}

TEST(Trainers, MegatronTakesChunksThatAreAlike) {
  EXPECT_EQ(warned({"software=megatron-core"}), "");
  EXPECT_EQ(warned({"software=megatron-core", "plan.pp=2", "plan.vpp=2"}), "");
  EXPECT_THAT(
      warned({"software=megatron-core", "plan.pp=2", "plan.vpp=3"}),
      HasSubstr(
          "plan.stage_layers: Megatron-LM refuses 8 layers in 6 chunks that are not alike (1+1+2 2+1+1)"));
  // 4 stages of 2, 3, 3, 2: the flags that count embedding and loss as a layer each say that.
  EXPECT_EQ(warned({"software=megatron-core", "plan.pp=4", "model.layers=10"}), "");
  // 4 stages of 2, 3, 2, 2.
  EXPECT_THAT(warned({"software=megatron-core", "plan.pp=4", "model.layers=9"}),
              HasSubstr("plan.stage_layers"));
}

TEST(Trainers, MegatronTakesAnyLayoutThatIsGiven) {
  const std::vector<std::string_view> given{"plan.pp=2", "plan.vpp=3", "plan.stage_layers=[[1,1,2],[2,1,1]]"};
  const auto by = [&](std::string_view software) {
    std::vector<std::string_view> all = given;
    all.push_back(software);
    return warned(all);
  };
  EXPECT_EQ(by("software=megatron-te"), "");
  EXPECT_THAT(by("software=megatron-lm-2021"), HasSubstr("Megatron-LM of 2021 and 2022 refuses"));
}

TEST(Trainers, SchedulesThatTheyDoNotHave) {
  const std::string_view untied = "model.tied_embeddings=false";
  EXPECT_THAT(warned({"software=megatron-te", "plan.schedule=zb-h1"}),
              HasSubstr("Megatron-LM has no schedule zb-h1"));
  EXPECT_THAT(warned({"software=torchtitan", "plan.schedule=zb-h1"}),
              HasSubstr("torchtitan has no schedule zb-h1"));
  EXPECT_EQ(warned({"software=torchtitan", "plan.schedule=zb-v", untied}), "");
}

TEST(Trainers, MegatronHidesExchangesWithExpertsBetweenChunks) {
  const auto with = [](std::vector<std::string_view> more) {
    more.insert(more.begin(),
                {"software=megatron-core", "plan.overlap.experts=true", "model.family=moe", "plan.ep=2",
                 R"(model.moe={"experts": 4, "top_k": 2, "expert_ffn": 64})", "plan.pp=2"});
    return warned(more);
  };
  EXPECT_THAT(with({}), HasSubstr("plan.overlap.experts: Megatron-LM refuses"));
  EXPECT_EQ(with({"plan.vpp=2"}), "");
  EXPECT_EQ(with({"plan.pp=1"}), "");
  EXPECT_THAT(with({"plan.vpp=2", "plan.recompute=full"}), HasSubstr("plan.recompute: Megatron-LM refuses"));
}

TEST(Trainers, DeepSpeedAndDataParallelOnes) {
  EXPECT_EQ(warned({"software=deepspeed", "model.layers=9"}), "");
  EXPECT_THAT(warned({"software=deepspeed", "plan.vpp=2"}),
              HasSubstr("DeepSpeed refuses all schedules but 1f1b"));
  EXPECT_THAT(warned({"software=pytorch-ddp"}),
              HasSubstr("plan.pp: DistributedDataParallel has no pipeline"));
  EXPECT_EQ(warned({"software=pytorch-ddp", "plan.pp=1"}), "");
  EXPECT_EQ(warned({"software=torchtitan", "plan.vpp=3"}), "");
}

}  // namespace
}  // namespace ds::workload
