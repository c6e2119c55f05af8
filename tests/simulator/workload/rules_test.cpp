// Each rule, broken by one value: which key is named, and which values are proposed.

#include "simulator/workload/rules.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <iterator>
#include <span>

#include "simulator/base/random.h"
#include "simulator/workload/plan_keys.h"
#include "tests/simulator/workload/jobs.h"

namespace ds::workload {
namespace {

constexpr std::string_view kMoe = R"(model.moe={"experts": 8, "top_k": 2, "expert_ffn": 64})";

TEST(Rules, NameTheValuesThatWouldKeepThem) {
  Job job = small_job();
  job.plan.tp = 12;
  job.plan.tp_columns = 12;
  job.plan.pp = 1;
  job.plan.dp = 1;
  job.cluster.groups[0].nodes = 3;
  job.cluster.groups[0].node.gpus_per_node = 4;  // 12 GPUs, so that heads are the first thing to break
  const auto violation = first_violation(job);
  if (!violation) FAIL() << "no rule is broken";
  EXPECT_STREQ(as_error(*violation, job).what(),
               "plan.tp: 12 must divide model.heads, which is 40; 10 and 20 do");
}

TEST(Rules, EachIsBrokenByOneValueAndNamesIt) {
  struct Broken {
    std::vector<std::string_view> overrides;
    std::string_view says;
  };
  const Broken cases[] = {
      {{"model.hidden=641"}, "model.hidden: 641 must be a multiple of model.heads, which is 40"},
      {{"model.kv_heads=7"}, "model.kv_heads: 7 must divide model.heads, which is 40; 5 and 8 do"},
      {{"model.family=moe"}, "model.moe: is missing"},
      {{R"(model.moe={"experts": 8, "top_k": 9, "expert_ffn": 64})"}, "model.moe.top_k: 9 must not exceed"},
      {{R"(model.moe={"experts": 8, "top_k": 2, "expert_ffn": 64, "shared_gate": true})"},
       "model.moe.shared_gate: is true, but model.moe.shared_experts is 0"},
      {{R"(model.moe={"experts": 8, "top_k": 2, "expert_ffn": 64, "groups": 3})"},
       "model.moe.groups: 3 must divide model.moe.experts, which is 8"},
      {{R"(model.moe={"experts": 8, "top_k": 2, "expert_ffn": 64, "groups": 4, "groups_per_token": 5})"},
       "model.moe.groups_per_token: 5 must not exceed model.moe.groups, which is 4"},
      {{R"(model.moe={"experts": 8, "top_k": 3, "expert_ffn": 64, "groups": 4, "groups_per_token": 1})"},
       "model.moe.groups_per_token: 1 of 4 groups have fewer than model.moe.top_k 3 experts"},
      {{"model.layers=16384", "model.hidden=16777200", "model.ffn_hidden=16777200"},
       "model.layers: 16384 gives"},
      {{"train.sequence_length=134217728", "plan.micro_batch=16777216"},
       "train.sequence_length: 134217728 x"},
      {{"plan.dp=3"},
       "plan.dp: plan.tp 2 x plan.pp 2 x plan.cp 1 x plan.dp 3 = 12 must be the number of GPUs, which is 16"},
      // dp follows from the others, where they leave it a whole number: else it is not what is wrong.
      {{"plan.tp=3"}, "plan.tp: 3 must divide the number of GPUs, which is 16; 2 and 4 do"},
      {{"plan.pp=3"}, "plan.pp: 3 x plan.tp 2 must divide the number of GPUs, which is 16; 2 and 4 do"},
      {{"plan.cp=3"},
       "plan.cp: 3 x plan.tp 2 x plan.pp 2 must divide the number of GPUs, which is 16; 2 and 4 do"},
      {{"plan.tp=32"}, "plan.tp: 32 must divide the number of GPUs, which is 16; 16 does"},
      {{"cluster.node=localhost", "cluster.nodes=1", "cluster.ranks=4", "plan.tp=3", "plan.pp=1"},
       "plan.tp: 3 must divide the number of ranks, which is 4; 2 and 4 do"},
      {{"cluster.node=dgx-1v", "plan.precision=bf16"},
       "plan.precision: bf16 is no arithmetic of v100-sxm2-32g, which has fp64, fp32, fp16"},
      {{"plan.ep=2"}, "plan.ep: plan.ep 2 and plan.etp 1 must be 1 without model.moe"},
      {{kMoe, "plan.ep=3"},
       "plan.ep: 3 x plan.etp 1 must divide plan.tp x plan.cp x plan.dp, which is 8; 2 and 4 do"},
      {{"plan.tp=16", "plan.pp=1"}, "plan.tp: 16 must divide model.heads, which is 40; 10 and 20 do"},
      {{"model.kv_heads=5"}, "plan.tp: 2 must divide model.kv_heads, which is 5, or be a multiple of it"},
      {{"model.ffn_hidden=2561"}, "plan.tp: 2 must divide model.ffn_hidden, which is 2561"},
      {{"plan.tp_grid=[2, 2]"}, "plan.tp_grid: 2 x 2 must be plan.tp, which is 2"},
      {{R"(model.moe={"experts": 6, "top_k": 2, "expert_ffn": 64})", "plan.ep=4"},
       "plan.ep: 4 must divide model.moe.experts, which is 6"},
      {{R"(model.moe={"experts": 8, "top_k": 2, "expert_ffn": 63})", "plan.etp=2"},
       "plan.etp: 2 must divide model.moe.expert_ffn"},
      {{"train.sequence_length=255"}, "train.sequence_length: 255 must be a multiple of 2"},
      {{"plan.cp=2", "train.sequence_length=260"},
       "train.sequence_length: 260 must be a multiple of 8"},  // 2 cp x tp
      {{"plan.cp=2", "plan.cp_kind=all_to_all", "model.heads=10", "plan.tp=2"},
       "plan.cp: 2 x plan.tp 2 must divide model.heads, which is 10"},
      {{"train.global_batch=63"},
       "train.global_batch: 63 must be a multiple of plan.dp 4 x plan.micro_batch 1; 60 and 64 do"},
      {{"plan.batch_shares=[32, 32]"}, "plan.batch_shares: has 2 shares"},
      {{"plan.batch_shares=[16, 16, 16, 15]"}, "plan.batch_shares: add up to 63"},
      {{"plan.batch_shares=[17, 15, 16, 16]", "plan.micro_batch=2"}, "plan.batch_shares: must be multiples"},
      {{"train.global_batch=16777216"}, "plan.micro_batch: 1 gives 4194304 micro-batches"},
      {{"plan.zero_group=3"}, "plan.zero_group: 3 must divide plan.dp x plan.cp, which is 4; 2 and 4 do"},
      {{"plan.vpp=2", "plan.schedule=1f1b"}, "plan.vpp: 2 must be 1 unless plan.schedule is interleaved"},
      {{"plan.stage_layers=[8]"}, "plan.stage_layers: has 1 stages"},
      {{"plan.stage_layers=[[4], [2, 2]]"}, "plan.stage_layers: each stage must be"},
      {{"plan.stage_layers=[4, 5]"},
       "plan.stage_layers: add up to 9, must add up to model.layers, which is 8"},
      {{"plan.stage_layers=[8, 0]"}, "plan.stage_layers: every chunk must hold a layer"},
      {{"plan.vpp=6"}, "plan.pp: 2 stages x plan.vpp 6 chunks are too many for model.layers, which is 8"},
      {{"plan.vpp=2", "train.global_batch=12"}, "plan.pp: 2 must divide the 3 micro-batches"},
      {{"plan.schedule=dualpipe", "plan.pp=1", "plan.dp=8"}, "plan.pp: 1 must be even"},
      {{"plan.schedule=dualpipe", "train.global_batch=12"},
       "train.global_batch: 12 gives 3 micro-batches; plan.schedule dualpipe takes an even number of them"},
      {{"plan.schedule=dualpipe", "train.global_batch=8"}, "at least 2 x plan.pp 2"},
      {{"plan.recompute=5"}, "plan.recompute: 5 must not exceed the layers of a stage, at most 4"},
      {{"plan.offload.activations=5"}, "plan.offload.activations: 5 must not exceed"},
      {{"model.rotary_dim=3"},
       "model.rotary_dim: 3 must be even and not exceed model.head_dim, which is 16; 2 and 4 do"},
      {{"model.rotary_dim=18"}, "model.rotary_dim: 18 must be even"},
      {{"model.residual=parallel", "model.norm_place=around"}, "model.norm_place: must be before"},
      {{"model.positions=100"}, "train.sequence_length: 256 must not exceed model.positions, which is 100"},
      {{"cluster.node=localhost"}, "cluster.nodes: 2 must be 1 on localhost"},
      {{"cluster.node=localhost", "cluster.nodes=1", "plan.dp=32"},
       "128 ranks are more than the 64 that run on CPUs"},
      {{"cluster.node=localhost", "cluster.nodes=1", "plan.dp=2", "cluster.ranks=4"},
       "= 8 must be cluster.ranks, which is 4"},
  };
  for (const Broken& broken : cases) {
    SCOPED_TRACE(broken.says);
    const std::string said = refusal(broken.overrides);
    EXPECT_NE(said.find(broken.says), std::string::npos) << said;
  }
}

TEST(Rules, EmptyChunksAreForEmbeddingAndHeadAlone) {
  EXPECT_EQ(refusal({"plan.vpp=5"}), "");  // 10 chunks, 8 layers: the very first and the very last are empty
  EXPECT_EQ(refusal({"plan.vpp=2", "plan.stage_layers=[[0, 4], [4, 0]]"}), "");
  EXPECT_NE(refusal({"plan.vpp=2", "plan.stage_layers=[[4, 0], [4, 0]]"}), "");
}

TEST(Rules, PrecisionThatIsLeftOutIsOneThatTheGpuHas) {
  EXPECT_EQ(small_job().plan.precision, Precision::bf16);
  EXPECT_EQ(small_job({"cluster.node=dgx-1v"}).plan.precision, Precision::fp16);
}

TEST(Supported, WhatCpuKernelsCannotDoIsRefusedByName) {
  const std::vector<std::pair<std::string_view, std::string_view>> features{
      {"model.window=100", "model.window"},
      {"model.position=alibi", "model.position"},
      {"model.rotary_dim=8", "model.rotary_dim"},
      {"model.norm=layer_norm_without_bias", "model.norm"},
      {"model.norm=layer_norm_without_gain", "model.norm"},
      {"model.qk_norm=shared", "model.qk_norm"},
      {"model.logit_cap=true", "model.logit_cap"}};
  for (const auto& [override, path] : features) {
    const std::vector<std::string_view> on_cpus{
        "cluster.node=localhost", "cluster.nodes=1", "plan.tp=1", "plan.pp=1", "plan.dp=1",
        "plan.precision=fp32",    override};
    EXPECT_EQ(first_unsupported(small_job(on_cpus)), path);
    EXPECT_EQ(first_unsupported(small_job({override})), std::nullopt) << override;
  }
  for (const std::string_view runs : {"model.window=256", "model.rotary_dim=16", "model.residual=parallel",
                                      "model.norm_place=behind", "model.embedding_width=8"})
    EXPECT_EQ(first_unsupported(small_job({"cluster.node=localhost", "cluster.nodes=1", "plan.tp=1",
                                           "plan.pp=1", "plan.dp=1", "plan.precision=fp32", runs})),
              std::nullopt)
        << runs;
  EXPECT_EQ(first_unsupported(small_job({"model.qk_norm=whole"})), "plan.tp");
}

TEST(Supported, APipelineThatTurnsBackHasTwoChunksAStage) {
  const std::string_view back = "plan.schedule=zb-v", untied = "model.tied_embeddings=false";
  const Job job = small_job({back, untied, "model.layers=7"});
  EXPECT_EQ(first_unsupported(job), std::nullopt);
  EXPECT_EQ(job.plan.stage_layers, (std::vector<std::vector<std::int64_t>>{{2, 2}, {2, 1}}));
  EXPECT_EQ(small_job({"plan.schedule=ZBVZeroBubble", untied}).plan.schedule, Schedule::zb_v);
  EXPECT_EQ(small_job({back, untied, "plan.stage_layers=[3, [1, 4]]"}).plan.stage_layers,
            (std::vector<std::vector<std::int64_t>>{{1, 2}, {1, 4}}));
  EXPECT_EQ(first_unsupported(small_job({back})), "plan.schedule");
  EXPECT_EQ(first_unsupported(small_job({back, untied, "plan.pp=1"})), "plan.schedule");
  EXPECT_NE(refusal({back, untied, "model.layers=3"}).find("2 stages x 2 (zb-v) chunks are too many"),
            std::string::npos);
  EXPECT_NE(refusal({back, untied, "plan.vpp=2"}).find("must be 1 unless plan.schedule is interleaved"),
            std::string::npos);
}

TEST(Supported, OffloadingWantsAHostMastersAndSomethingKept) {
  using Overrides = std::vector<std::string_view>;
  const std::string_view states = "plan.offload.optimizer=true", layers = "plan.offload.activations=2";
  EXPECT_EQ(first_unsupported(small_job({states, layers})), std::nullopt);
  for (const Overrides& overrides : {Overrides{states, "plan.precision=fp32"},
                                     {states, "cluster.node=a100-80g-8x-vtrain"},
                                     {states, "software=torchtitan", "plan.zero=3"}})
    EXPECT_EQ(first_unsupported(small_job(overrides)), "plan.offload.optimizer") << overrides.back();
  const std::string_view weights = "plan.offload.weights=true";
  EXPECT_EQ(first_unsupported(small_job({states, weights, "plan.zero=3"})), std::nullopt);
  EXPECT_EQ(first_unsupported(small_job({states, weights, "plan.zero=3", "software=torchtitan"})),
            std::nullopt);
  EXPECT_EQ(first_unsupported(small_job({states, weights, "plan.zero=3", "plan.precision=fp32"})),
            std::nullopt);
  EXPECT_EQ(first_unsupported(small_job({"plan.offload.optimizer=0.4"})), std::nullopt);
  for (const Overrides& overrides : {Overrides{states, weights},
                                     {weights, "plan.zero=3"},
                                     {weights, "plan.zero=3", "plan.offload.optimizer=0.5"}})
    EXPECT_EQ(first_unsupported(small_job(overrides)), "plan.offload.weights") << overrides.back();
  for (const Overrides& overrides :
       {Overrides{layers, "plan.recompute=full"}, {layers, "plan.schedule=zb-h1"}})
    EXPECT_EQ(first_unsupported(small_job(overrides)), "plan.offload.activations") << overrides.back();
  EXPECT_EQ(first_unsupported(small_job({layers, "cluster.node=a100-80g-8x-vtrain"})), std::nullopt);
}

TEST(Supported, MoreTensorParallelRanksThanHeadsOfKeys) {
  EXPECT_EQ(first_unsupported(small_job({"model.kv_heads=4", "plan.tp=8"})), std::nullopt);
  EXPECT_NE(refusal({"model.kv_heads=5", "plan.tp=8"}).find("or be a multiple of it"), std::string::npos);
}

TEST(Supported, GridsOfTensorRanksOfPlainLayers) {
  using Overrides = std::vector<std::string_view>;
  const Overrides plain{"model.family=llama", "plan.tp=4", "plan.tp_grid=[2, 2]",
                        "plan.sequence_parallel=true"};
  const auto with = [&](std::string_view key) {
    Overrides all = plain;
    all.push_back(key);
    return first_unsupported(small_job(all));
  };
  EXPECT_EQ(first_unsupported(small_job(plain)), std::nullopt);
  for (const char* key : {"model.projection_bias=true", "model.qk_norm=shared", "plan.cp=2",
                          "plan.recompute=full", "plan.zero=3", "plan.attention=unfused"})
    EXPECT_EQ(with(key), std::nullopt) << key;
  for (const char* key : {"plan.sequence_parallel=false", "model.qkv_bias=true", "model.mlp_bias=true",
                          "model.attention_sinks=true", "model.residual=parallel", "model.position=alibi",
                          "model.kv_heads=2", "model.qk_norm=per_head"})
    EXPECT_EQ(with(key), "plan.tp_grid") << key;
}

TEST(Supported, AlgorithmsOfCollectivesThatHaveAPrice) {
  EXPECT_EQ(first_unsupported(small_job({"plan.collectives.tp=ring", "plan.collectives.dp=tree"})),
            std::nullopt);
  for (const char* algorithm :
       {"recursive_doubling", "halving_doubling", "direct", "bruck", "grid2d", "hierarchical", "nvls"})
    EXPECT_EQ(first_unsupported(small_job({std::string("plan.collectives.tp=") + algorithm})), std::nullopt)
        << algorithm;
}

/// Values of a key that a search may set, and of degrees some that break rules.
std::vector<std::int64_t> values_of(const PlanKey& key, const Job& job) {
  constexpr std::int64_t kCores = 16;
  const PlanSearch search = key.search.value_or(PlanSearch{});
  std::vector<std::int64_t> values{key.value.get(job.plan)};
  auto* const listed = search.wide != nullptr ? search.wide : search.candidates;
  if (listed != nullptr) std::ranges::copy(listed(job, kCores), std::back_inserter(values));
  if (search.off == 1) values.insert(values.end(), {1, 2, 3, 5, 8, 16, 48});
  if (search.off == 0) values.insert(values.end(), {0, 1});
  return values;
}

/// Sets keys by chance, but for those that are named.
void redraw(Job& job, const Job& base, std::span<const std::string_view> but_for, std::uint64_t number) {
  const RandomStream draw(number, 17);
  std::uint64_t next = 0;
  for (const PlanKey* key : varied_plan_keys()) {
    const std::vector<std::int64_t> values = values_of(*key, base);
    const std::int64_t value = values[draw.below(values.size(), next++)];
    if (std::ranges::find(but_for, key->name) == but_for.end()) key->value.set(job.plan, value);
  }
}

/// Searches pass over all combinations that share what a rule says that it reads.
TEST(Rules, ReadNoOtherKeysThanTheySay) {
  constexpr std::uint64_t kPlans = 3000;
  const Job bases[] = {small_job(), small_job({kMoe})};
  std::size_t often_broken = 0;
  for (const Rule& rule : rules()) {
    if (!rule.reads_few()) continue;
    std::size_t kept = 0, broken = 0;
    for (std::uint64_t i = 0; i < kPlans; ++i) {
      const Job& base = bases[i % 2];
      Job job = base;
      redraw(job, base, {}, 2 * i);
      const bool keeps = rule.keeps(job);
      ++(keeps ? kept : broken);
      redraw(job, base, rule.reads, 2 * i + 1);
      EXPECT_EQ(rule.keeps(job), keeps) << rule.path << " of " << write_plan(job.plan);
    }
    EXPECT_GT(kept, 10U) << rule.path;
    often_broken += broken > 10 ? 1U : 0U;
  }
  EXPECT_GE(often_broken, 12U);  // limits of counts no small job breaks
}

TEST(Rules, NameKeysThatThereAre) {
  for (const Rule& rule : rules())
    for (const std::string_view name : rule.reads)
      EXPECT_TRUE(name.empty() || find_plan_key(name) != nullptr) << name;
}

TEST(Rules, GiganticDegreesDoNotOverflow) {
  EXPECT_NE(refusal({"plan.tp=1048576", "plan.pp=1048576", "plan.cp=1048576", "plan.dp=1048576"}), "");
}

}  // namespace
}  // namespace ds::workload
