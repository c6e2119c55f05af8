// A job that is written and read again is the same job, whatever its first text left out or called by a name.

#include "simulator/workload/write_job.h"

#include <gtest/gtest.h>

#include "simulator/workload/presets.h"
#include "tests/simulator/workload/jobs.h"

namespace ds::workload {
namespace {

std::string written_twice(const Job& job) { return write_job(read_job_text(write_job(job), "written.json")); }

TEST(WriteJob, SaysEverythingThatReadingNeeds) {
  const std::vector<std::vector<std::string_view>> kWorlds = {
      {},
      {"model=llama2-70b", "cluster.node=dgx-h100", "plan.tp=8"},
      {"model=deepseek-v3", "cluster.nodes=4", "plan.ep=4", "plan.tp=1", "plan.pp=1"},
      {"cluster.node=l40s-8", "cluster.fabric=roce-400", "software=torchtitan"},
      {R"(cluster={"groups": [{"node": "dgx-a100-80g", "nodes": 1}, {"node": "dgx-h100", "nodes": 1}]})"},
      {"plan.vpp=2", "plan.recompute=full", "plan.overlap.p2p=false", "train.tokens=3e11"},
      {R"(plan.stage_layers=[5, 3])", "plan.collectives.dp=ring", "plan.offload.activations=1"},
      {"simulate.stragglers.share=0.1", "simulate.stragglers.slowdown=1.3", "prices.gpu_hour_usd=2.5",
       "execute.data=text", "execute.checkpoint.directory=here", "tune.budget=1e3", "seed=7"},
      {"simulate.failures.per_node_day=0.01", R"(simulate.failures.checkpoint_interval_s="optimum")"},
      {R"(software={"base": "megatron-te", "keeps_gradients": false, "fusions": ["rope"]})"},
      {"cluster.node=localhost", "cluster.nodes=1", "cluster.ranks=4", "train.adam_eps=1e-12"}};
  for (const auto& changes : kWorlds) {
    const Job job = small_job(changes);
    EXPECT_EQ(written_twice(job), write_job(job)) << (changes.empty() ? "" : changes[0]);
    const Job again = read_job_text(write_job(job), "written.json");
    EXPECT_EQ(again.model.name, "custom");
    EXPECT_EQ(again.plan.tp, job.plan.tp);
    EXPECT_EQ(again.cluster.ranks(), job.cluster.ranks());
    EXPECT_EQ(again.train.hyper, job.train.hyper);
  }
}

/// Every preset of a model, and what no preset has.
TEST(WriteJob, SaysAllOfTheModel) {
  const auto expect_same = [](const Job& job) {
    Model again = read_job_text(write_job(job), "written.json").model;
    again.name = job.model.name, again.head_dim_given = job.model.head_dim_given;
    EXPECT_EQ(again, job.model) << job.model.name << "\n" << write_job(job);
  };
  Job job = small_job({"cluster.nodes=1", "plan.tp=1", "plan.pp=1"});
  for (const Preset& preset : list_presets()) {
    if (preset.kind != PresetKind::model) continue;
    const std::string model = "model=" + preset.name;
    expect_same(small_job({model, "cluster.nodes=1", "plan.tp=1", "plan.pp=1"}));
  }
  job.model.norm_place = NormPlace::around, job.model.residual = Residual::serial;
  job.model.qk_norm = QkNorm::per_head, job.model.embedding_norm = true, job.model.logit_cap = true;
  job.model.window = 7, job.model.full_layers.assign(static_cast<std::size_t>(job.model.layers), true);
  job.model.full_layers[0] = false, job.model.unrotated_layers = job.model.full_layers;
  job.model.position = Position::rope, job.model.qkv_bias = !job.model.qkv_bias;
  expect_same(job);
}

TEST(WriteJob, LaysBareWhatPresetsAreMadeOf) {
  const std::string text = write_job(small_job({"cluster.node=dgx-h100"}));
  EXPECT_NE(text.find(R"("gpus_per_node": 8)"), std::string::npos) << text;
  EXPECT_NE(text.find(R"("memory_bytes": 80000000000)"), std::string::npos) << text;
  EXPECT_NE(text.find(R"("clip_grad": 1)"), std::string::npos) << text;
}

}  // namespace
}  // namespace ds::workload
