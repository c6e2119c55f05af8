#include <fmt/format.h>
#include <gtest/gtest.h>

#include "tests/simulator/workload/jobs.h"

namespace ds::workload {
namespace {

TEST(Software, IsAPresetOrOneWithKeysSetOtherwise) {
  const Job plain = small_job({"software=megatron-te"});
  const Job other = small_job(
      {R"(software={"base": "megatron-te", "keeps_gradients": false, "buckets": {"count": 2, "elements": 7},
          "overlap": {"tp_comm": false}})"});
  EXPECT_TRUE(other.habits.overlap.grad_reduce);
  EXPECT_FALSE(other.habits.overlap.tp_comm);
  EXPECT_EQ(other.software, "megatron-te");
  EXPECT_TRUE(plain.habits.keeps_gradients);
  EXPECT_FALSE(other.habits.keeps_gradients);
  EXPECT_EQ(other.habits.bucket_count, 2);
  EXPECT_EQ(other.habits.fusions, plain.habits.fusions);
  EXPECT_NE(refusal({R"(software={"keeps_gradients": false})"}).find("software.base"), std::string::npos);
  EXPECT_NE(refusal({R"(software={"base": "megatron-te", "keeps": 1})"}).find("software.keeps"),
            std::string::npos);
  EXPECT_NE(refusal({R"(software={"base": "megatron", "fsdp": true})"}).find("software.base"),
            std::string::npos);
  EXPECT_NE(refusal({R"(software={"base": "megatron-te", "allocator": "arena"})"}).find("software.allocator"),
            std::string::npos);
  EXPECT_NE(refusal({"software=7"}).find("software"), std::string::npos);
}

TEST(ReadJob, SaysWhatAnotherFileIs) {
  const auto answer = [](std::string_view text) {
    try {
      read_job_text(text, "f.json", {}, ".");
    } catch (const InputError& error) {
      return std::string(error.what());
    }
    return std::string("read");
  };
  EXPECT_NE(answer(R"({"model_type": "llama", "hidden_size": 64})")
                .find("is the config.json of a model, no job; a job names it"),
            std::string::npos);
  EXPECT_NE(
      answer(R"([{"id": "a", "job": {}}])").find("is a list of measured cases, no job; `ds-sim validate`"),
      std::string::npos);
  EXPECT_NE(answer(R"({"schema": "ds-profile-1"})")
                .find("is a profile of a machine, no job; name it as cluster.node"),
            std::string::npos);
  EXPECT_NE(answer(R"({"schema": "ds-tune-report-1", "model": "x"})").find("ds-tune search JOB --export job"),
            std::string::npos);
  EXPECT_NE(answer(R"({"schema": "else"})").find("schema: unknown key"), std::string::npos);
}

TEST(ReadJob, FillsEveryDefaultInAndListsIt) {
  const Job job = small_job();
  EXPECT_EQ(job.plan.dp, 4);  // 16 GPUs / (tp 2 x pp 2)
  EXPECT_EQ(assumed(job, "plan.dp"), "4");
  EXPECT_EQ(job.model.head_dim, 16);  // 640 / 40
  EXPECT_EQ(job.model.kv_heads, 40);
  EXPECT_FALSE(job.model.gated_mlp);
  EXPECT_TRUE(job.model.tied_embeddings);
  EXPECT_EQ(job.plan.schedule, Schedule::one_f_one_b);
  EXPECT_EQ(assumed(job, "plan.schedule"), "1f1b");
  EXPECT_TRUE(job.plan.sequence_parallel);
  EXPECT_EQ(job.plan.zero, 1);
  EXPECT_EQ(job.plan.zero_group, 4);
  EXPECT_EQ(job.plan.precision, Precision::bf16);
  EXPECT_EQ(job.software, "megatron-te");
  EXPECT_TRUE(job.plan.overlap.grad_reduce);
  EXPECT_EQ(job.micro_batches(), 16);  // 64 / (dp 4 x 1)
  EXPECT_EQ(assumed(job, "plan.stage_layers"), "[4, 4]");
}

TEST(ReadJob, AValueThatIsGivenIsNotAssumed) {
  const Job job = small_job({"plan.schedule=gpipe", "plan.zero=0", "train.learning_rate=1e-3"});
  EXPECT_EQ(assumed(job, "plan.schedule"), "(not assumed)");
  EXPECT_EQ(assumed(job, "plan.zero"), "(not assumed)");
  EXPECT_EQ(assumed(job, "train.learning_rate"), "(not assumed)");
  EXPECT_DOUBLE_EQ(job.train.hyper.base_learning_rate, 1e-3);
}

TEST(ReadJob, DefaultsFollowFamilyScheduleAndGpu) {
  const Job llama = small_job({"model.family=llama"});
  EXPECT_TRUE(llama.model.gated_mlp);
  EXPECT_FALSE(llama.model.tied_embeddings);
  EXPECT_EQ(llama.model.position, Position::rope);
  EXPECT_EQ(small_job({"plan.vpp=2"}).plan.schedule, Schedule::interleaved);
  EXPECT_EQ(small_job({"plan.precision=fp8", "cluster.node=dgx-h100"}).plan.fp8_recipe, "tensor_delayed");
  EXPECT_EQ(small_job({"plan.precision=fp8", "cluster.node=dgx-b200"}).plan.fp8_recipe, "mxfp8");
}

TEST(ReadJob, ReadsEveryOptionOfThePlan) {
  const Job job = small_job({"plan.recompute=3", "plan.tp_grid=[2, 1]", "plan.fusion=[\"rope\"]",
                             "plan.offload.optimizer=true", "plan.offload.activations=2",
                             "plan.collectives.tp=ring", "plan.placement=dp-tp-cp-ep-pp", "plan.sparsity=2:4",
                             "plan.reduce_precision=bf16", "simulate.failures.checkpoint_interval_s=optimum",
                             "simulate.stragglers.share=0.1", "simulate.stragglers.slowdown=1.2",
                             "prices.gpu_hour_usd=2", "execute.data=text.bin", "tune.objective=cost"});
  EXPECT_EQ(job.plan.recompute, Recompute::layers);
  EXPECT_EQ(job.plan.recompute_layers, 3);
  EXPECT_EQ(job.plan.tp_rows, 2);
  EXPECT_EQ(job.plan.fusion_passes, std::vector<std::string>{"rope"});
  EXPECT_EQ(job.plan.offload_activations, 2);
  EXPECT_EQ(job.plan.collectives.at(0).second, "ring");
  EXPECT_TRUE(job.simulate.failures && job.simulate.failures->checkpoint_optimum);
  EXPECT_DOUBLE_EQ(job.simulate.stragglers.slowdown, 1.2);
  EXPECT_EQ(job.tune.objective, "cost");
}

TEST(ReadJob, MixedClustersCountTheirGpus) {
  const Job job = read_job_text(R"({
    "model": "gpt3-175b", "train": {"sequence_length": 2048, "global_batch": 64},
    "cluster": {"groups": [{"node": "dgx-a100-80g", "nodes": 3}, {"node": "dgx-h100", "nodes": 1}],
                "fabric": {"kind": "fat-tree", "oversubscription": 2}},
    "plan": {"tp": 8, "pp": 4}})",
                                "job.json");
  EXPECT_EQ(job.cluster.ranks(), 32);
  EXPECT_EQ(job.plan.dp, 1);
  EXPECT_DOUBLE_EQ(job.cluster.network.oversubscription, 2);
  EXPECT_NE(refusal({"cluster.groups=[]"}), "");
}

TEST(ReadJob, ANodeMayBeDescribed) {
  const Job job = small_job({R"(cluster.node={"gpu": "a100-sxm4-40g", "gpus_per_node": 8,
      "intra": {"kind": "nvswitch", "bytes_per_s": 3e11}, "nics": {"count": 8, "bytes_per_s": 25e9}})"});
  EXPECT_DOUBLE_EQ(job.cluster.groups[0].node.memory_bytes_per_gpu, 40e9);
  EXPECT_EQ(refusal({R"(cluster.node={"gpu": "a100", "gpus_per_node": 8})"})
                .find("job.json: cluster.node.gpu: is \"a100\""),
            0U);
}

TEST(ReadJob, SaysWhereWhatAndWhatWouldBeRight) {
  EXPECT_EQ(refusal({"model.heads=0"}), "job.json: model.heads: is 0, must be at least 1");
  EXPECT_EQ(refusal({"model=gpt3-175"}),
            "job.json: model: is \"gpt3-175\", no model preset of that name; did you mean gpt3-175b?");
  EXPECT_EQ(refusal({"plan.tpp=1"}), "job.json: plan.tpp: unknown key; did you mean plan.tp?");
  for (const auto& [key, meant] :
       {std::pair{"micro_batch", "plan.micro_batch"}, std::pair{"plan.tensor-model-parallel-size", "plan.tp"},
        std::pair{"train.tp", "plan.tp"}, std::pair{"model.num_hidden_layers", "model.layers"},
        std::pair{"train.lr", "train.learning_rate"}})
    EXPECT_EQ(refusal({std::string(key) + "=1"}),
              fmt::format("job.json: {}: unknown key; did you mean {}?", key, meant));
  EXPECT_EQ(refusal({}, "[]"), "job.json: the job is [], must be an object");
}

TEST(CheckSupported, SaysNotYetWithThePath) {
  Job job = small_job();
  check_supported(job);
  job.plan.sparsity = Sparsity::two_of_four;
  try {
    check_supported(job);
    FAIL();
  } catch (const InputError& error) {
    EXPECT_EQ(std::string(error.what()),
              "job.json: plan.sparsity: sparsity is not supported yet; only none is supported");
  }
}

/// What lowering cannot do is said here, not while lowering: a search asks this of every plan.
TEST(CheckSupported, KnowsWhatLoweringCannotDo) {
  EXPECT_EQ(first_unsupported(small_job({"plan.schedule=dualpipe"})), "plan.schedule");
  EXPECT_EQ(first_unsupported(small_job({"plan.schedule=dualpipe", "model.tied_embeddings=false"})),
            std::nullopt);
  for (const auto& [precision, gpu] : {std::pair{"plan.precision=dynamic", "cluster.node=dgx-a100-80g"}})
    EXPECT_EQ(first_unsupported(small_job({precision, gpu})), "plan.precision") << precision;
  EXPECT_EQ(first_unsupported(small_job({"plan.schedule=zb-v"})), "plan.schedule");
}

}  // namespace
}  // namespace ds::workload
