// Step times and peaks of many plans equal those of each of them, lowered.
#include "simulator/engine/plan_steps.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <initializer_list>
#include <map>
#include <span>

#include "simulator/base/random.h"
#include "simulator/engine/predict.h"
#include "simulator/memory/live_bytes.h"
#include "simulator/memory/plan_peaks.h"
#include "simulator/workload/workload.h"
#include "tests/tuner/architectures.h"
#include "tuner/space/space.h"

namespace ds::tuner {
namespace {

using workload::Plan;

const cost::Profile kNoProfile;

double analysed(const workload::Job& job, const program::Program& program) {
  const cost::Machine machine(job, kNoProfile);
  return engine::analyse(program, engine::price(program, machine)).step_time.value;
}
double analysed(const workload::Job& job) { return analysed(job, program::lower(job)); }

Bytes peak_of(const program::Program& program) {
  Bytes most;
  for (const memory::LiveBytes& one : memory::live_bytes(program)) most = std::max(most, one.peak);
  return most;
}

/// A small model on a few nodes; odd sizes, so that buckets need padding.
std::string world(std::uint64_t number) {
  const RandomStream draw(number, 11);
  const auto pick = [&](std::uint64_t index, auto... values) {
    const std::array list{values...};
    return list[draw.below(list.size(), index)];
  };
  const int heads = pick(0, 4, 8), hidden = heads * pick(1, 8, 12, 66);
  return fmt::format(
      R"({{"model": {{"family": "{}", "layers": {}, "hidden": {}, "heads": {}, "kv_heads": {}, "ffn_hidden": {}, "vocab": {},
                      "tied_embeddings": {}}},
           "cluster": {{"node": "{}", "nodes": {}}}, "train": {{"sequence_length": {}, "global_batch": {}}},
           "software": "{}"}})",
      pick(2, "gpt", "llama"), pick(3, 4, 6, 8, 12, 16), hidden, heads, heads / pick(12, 1, 1, 2, 4),
      3 * hidden, pick(4, 64, 1000, 51200), pick(5, "true", "false"),
      pick(6, "dgx-a100-80g", "a100-80g-8x-vtrain", "dgx-1v"), pick(7, 1, 2, 4), pick(8, 16, 64, 512),
      pick(9, 32, 96, 256), pick(10, "megatron-te", "megatron-deepspeed", "deepspeed"));
}

/// The default space, and everything else that a step's time depends on.
Space wide_space(const workload::Job& base) {
  std::vector<Dimension> dimensions;
  for (const workload::PlanKey* key : workload::varied_plan_keys()) {
    const std::string_view name = key->name;
    std::vector<std::int64_t> values = default_values(*key, base, 1);
    if (name == "dp" || name == "etp" || name == "zero_group" || name == "tp_grid")
      continue;  // follow from the others
    if (name.starts_with("overlap.") || name == "zero") values = {0, 1};
    if (name == "schedule")
      values = {static_cast<std::int64_t>(workload::Schedule::gpipe),
                static_cast<std::int64_t>(workload::Schedule::one_f_one_b),
                static_cast<std::int64_t>(workload::Schedule::interleaved),
                static_cast<std::int64_t>(workload::Schedule::zb_h1),
                static_cast<std::int64_t>(workload::Schedule::zb_v),
                static_cast<std::int64_t>(workload::Schedule::dualpipe)};
    if (name == "recompute")
      values = {static_cast<std::int64_t>(workload::Recompute::none),
                static_cast<std::int64_t>(workload::Recompute::selective),
                static_cast<std::int64_t>(workload::Recompute::full)};
    if (name == "precision")
      values = {static_cast<std::int64_t>(workload::Precision::fp32),
                static_cast<std::int64_t>(workload::Precision::fp16)};
    if (name == "attention")
      values = {static_cast<std::int64_t>(workload::Attention::flash),
                static_cast<std::int64_t>(workload::Attention::unfused)};
    dimensions.push_back({key, values});
  }
  return {base, std::move(dimensions), 1};
}

/// Draws legal plans of a space; those of a few thousand passes, which lowering is slow for, are left out.
std::vector<Plan> drawn(const Space& space, std::uint64_t seed, std::size_t count) {
  const RandomStream draw(seed, 12);
  std::vector<Plan> plans;
  workload::Job job = space.base();
  constexpr std::uint64_t kMostTries = 100'000;
  constexpr std::int64_t kMostPasses = 2000;
  for (std::uint64_t i = 0; i < kMostTries && plans.size() < count; ++i) {
    const auto index = static_cast<Index>(draw.below(static_cast<std::uint64_t>(space.size()), i));
    if (!space.decode_into(space.candidate(index), job) &&
        job.plan.pp * job.plan.vpp * job.micro_batches() <= kMostPasses) {
      plans.push_back(job.plan);
      plans.back().dropout = plans.size() % 3 == 0 ? 0.1 : 0.0;
      // As dimensions, modules, offloading and grids would leave few of the drawn plans legal.
      if (plans.size() % 5 == 0) {
        plans.back().recompute = workload::Recompute::modules;
        plans.back().recompute_modules = static_cast<workload::Modules>(1 + draw.below(127, i + kMostTries));
      }
      job.plan = plans.back();
      job.plan.offload_optimizer = plans.size() % 7 < 2;
      if (plans.size() % 7 == 1) job.plan.offloaded_states = workload::kMillionths / 3;
      job.plan.offload_activations = plans.size() % 11 == 0 ? 1 : 0;
      if (!workload::first_unsupported(job)) plans.back() = job.plan;
      job.plan = plans.back();
      if (plans.size() % 4 == 0 && job.plan.tp % 2 == 0)
        job.plan.tp_rows = 2, job.plan.tp_columns = job.plan.tp / 2;
      if (!workload::first_violation(job) && !workload::first_unsupported(job)) plans.back() = job.plan;
    }
  }
  return plans;
}

/// Each chunk of every other plan gets a random number of layers.
void redistribute(Plan& plan, std::int64_t layers, std::uint64_t number) {
  const RandomStream draw(number, 13);
  std::uint64_t next = 0;
  const std::int64_t chunks = plan.pp * plan.chunks();
  if (layers < chunks || draw.below(2, next++) == 0) return;
  plan.stage_layers_given = true;
  plan.stage_layers.assign(static_cast<std::size_t>(plan.pp),
                           std::vector<std::int64_t>(static_cast<std::size_t>(plan.chunks()), 1));
  for (std::int64_t left = layers - chunks; left > 0; --left) {
    const auto at = draw.below(static_cast<std::uint64_t>(chunks), next++);
    ++plan.stage_layers[at / static_cast<std::uint64_t>(plan.chunks())]
                       [at % static_cast<std::uint64_t>(plan.chunks())];
  }
}

/// What has been compared.
struct Seen {
  std::size_t in_shares{}, in_pieces{}, uneven{}, tight{};
  std::map<workload::Schedule, std::size_t> by_schedule;

  void add(const workload::Job& job, bool is_tight) {
    const Plan& plan = job.plan;
    const bool scatters = job.habits.pipeline_scatter_gather && !plan.sequence_parallel;
    in_shares += scatters && plan.tp > 1 && plan.pp > 1 ? 1U : 0U;
    in_pieces += plan.overlap.tp_comm && plan.sequence_parallel && plan.tp > 1 ? 1U : 0U;
    uneven += plan.stage_layers_given ? 1U : 0U;
    tight += is_tight ? 1U : 0U;
    ++by_schedule[plan.schedule];
  }
};

void expect_analytic_depth(const workload::Job& base, const std::vector<Plan>& plans, Seen& seen) {
  engine::PlanSteps steps(base, kNoProfile);
  const std::vector<Seconds> all = steps.step_times(plans), bounds = steps.bounds(plans),
                             work = steps.work_bounds(plans);
  const std::vector<std::optional<Bytes>> peaks = memory::PlanPeaks(base).of(plans);
  workload::Job job = base;
  for (std::size_t i = 0; i < plans.size(); ++i) {
    SCOPED_TRACE(describe(plans[i]));
    job.plan = plans[i];
    const program::Program program = program::lower(job);
    // What is offloaded, or goes in another order, is lowered for its peak.
    const bool put_together =
        !workload::offloads(plans[i]) && plans[i].order() == plans[i].schedule && !plans[i].turns_back();
    EXPECT_EQ(peaks[i], put_together ? std::optional(peak_of(program)) : std::nullopt);
    const double exact = analysed(job, program);
    EXPECT_LE(bounds[i].value, exact * (1 + 1e-12));
    EXPECT_LE(work[i].value, exact * (1 + 1e-12));
    EXPECT_GT(work[i].value, 0);
    EXPECT_NEAR(all[i].value, exact, 1e-12 * exact) << job.micro_batches() << " micro-batches";
    seen.add(job, bounds[i].value > 0.9 * exact);
  }
}

TEST(PlanSteps, EqualTheAnalyticDepthOverRandomPlans) {
  constexpr std::uint64_t kWorlds = 24;
  constexpr std::size_t kPlans = 50;
  Seen seen;
  for (std::uint64_t number = 0; number < kWorlds; ++number) {
    SCOPED_TRACE(fmt::format("world {}", number));
    const Document document = parse_document(world(number), "job.json");
    const Space space = wide_space(workload::read_job_parts(document));
    std::vector<Plan> plans = drawn(space, number, kPlans);
    for (std::size_t i = 0; i < plans.size(); ++i) redistribute(plans[i], space.base().model.layers, i);
    expect_analytic_depth(space.base(), plans, seen);
  }
  EXPECT_GT(seen.in_shares, 40U);
  EXPECT_GT(seen.in_pieces, 40U);
  EXPECT_GT(seen.uneven, 300U);
  EXPECT_GT(seen.tight, 300U);
  EXPECT_EQ(seen.by_schedule.size(), 6U);
  EXPECT_TRUE(std::ranges::all_of(seen.by_schedule, [](const auto& one) { return one.second > 30; }));
}

TEST(PlanSteps, EqualTheAnalyticDepthInEveryArchitecture) {
  Seen seen;
  for (const support::Architecture& one : support::architectures()) {
    SCOPED_TRACE(one.name);
    const Space space = wide_space(parts_of(one));
    std::vector<Plan> plans = drawn(space, 3, 40);
    EXPECT_EQ(plans.size(), 40U);
    for (std::size_t i = 0; i < plans.size(); ++i) redistribute(plans[i], space.base().model.layers, i);
    expect_analytic_depth(space.base(), plans, seen);
  }
}

using Used = std::map<std::string, int>;

/// How tokens go to experts, and who has the same shards, by the number of the plan.
void vary_experts(Plan& plan, std::size_t i, Used& used) {
  plan.dispatch = i % 2 == 0 ? workload::Dispatch::hierarchical : workload::Dispatch::all_to_all;
  if (plan.precision == workload::Precision::fp8 && i % 5 < 3)
    plan.dispatch_precision = workload::DispatchPrecision::fp8;
  const bool pairs =
      plan.zero < 2 && (plan.cp == 1 || plan.cp_kind != workload::CpKind::ring) &&
      (plan.schedule == workload::Schedule::one_f_one_b || plan.schedule == workload::Schedule::interleaved);
  plan.overlap.experts = pairs && i % 2 == 0;
  plan.overlap.shared_experts = i % 3 == 0;
  const std::int64_t half = plan.dp * plan.cp / 2;
  if (i % 2 == 1 && plan.zero > 0 && half > 0 && half % plan.cp == 0 && plan.dp * plan.cp % half == 0 &&
      plan.tp * half % (plan.ep * plan.etp) == 0 && plan.tp * half > plan.ep * plan.etp)
    plan.zero_group = half;
  used["copies of experts' shards"] += plan.zero_group < plan.dp * plan.cp ? 1 : 0;
  used["combined"] += plan.overlap.experts ? 1 : 0;
  used["shared experts"] += plan.overlap.shared_experts ? 1 : 0;
}

void vary_lanes(Plan& plan, std::size_t i, Used& used) {
  plan.dropout = 0;
  if (plan.cp > 1 && i % 3 == 0) plan.cp_kind = workload::CpKind::all_gather;
  if (plan.ep > 1) vary_experts(plan, i, used);
  ++used[fmt::format("zero {}", plan.zero)];
  used["cp"] += plan.cp > 1 ? 1 : 0;
  used["ep"] += plan.ep > 1 ? 1 : 0;
  used["fp8"] += plan.precision == workload::Precision::fp8 ? 1 : 0;
  used["dualpipe with ep"] += plan.ep > 1 && plan.schedule == workload::Schedule::dualpipe ? 1 : 0;
}

/// Ranks that share sequences and experts out, weights in shards, products in 8 bits: lanes of a class's own take turns with its
/// compute lane in every pass.
TEST(PlanSteps, EqualTheAnalyticDepthWhereLanesTakeTurns) {
  Seen seen;
  Used used;
  for (const char* const experts :
       {"", R"(, "moe": {"experts": 8, "top_k": 2, "expert_ffn": 64})",
        R"(, "moe": {"experts": 8, "top_k": 2, "expert_ffn": 64, "dense_layers": 1})"})
    for (const char* const software : {"megatron-te", "torchtitan", "hai-llm"}) {
      const Document document = parse_document(
          fmt::format(
              R"({{"model": {{"family": "{}", "layers": 8, "hidden": 128, "heads": 8, "ffn_hidden": 256, "vocab": 1000{}}},
                  "cluster": {{"node": "dgx-h100", "nodes": 2}},
                  "train": {{"sequence_length": 512, "global_batch": 32}}, "software": "{}"}})",
              *experts == 0 ? "llama" : "moe", experts, software),
          "job.json");
      const workload::Job base = workload::read_job_parts(document);
      std::vector<Dimension> dimensions = wide_space(base).dimensions();
      for (Dimension& one : dimensions) {
        const std::string_view name = one.key->name;
        if (name == "zero") one.values = {0, 1, 2, 3};
        if (name == "cp") one.values = {1, 2, 4};
        if (name == "ep" && *experts != 0) one.values = {1, 2, 4};
        if (name == "precision")
          one.values = {static_cast<std::int64_t>(workload::Precision::bf16),
                        static_cast<std::int64_t>(workload::Precision::fp8)};
        if (name == "attention") one.values = {static_cast<std::int64_t>(workload::Attention::flash)};
      }
      SCOPED_TRACE(fmt::format("{}{}", software, experts));
      const Space space(base, dimensions, 1);
      std::vector<Plan> plans = drawn(space, 17, 100);
      for (std::size_t i = 0; i < plans.size(); ++i) vary_lanes(plans[i], i, used);
      expect_analytic_depth(base, plans, seen);
    }
  for (const auto& [what, count] : used) EXPECT_GT(count, 10) << what;
}

/// Plans that once were too short, since scales of blocks travel with tokens in 8 bits, or whose bound was too high, since weights are
/// gathered before a message is there and gradients reduced after one is sent.
TEST(PlanSteps, EqualTheAnalyticDepthWhereTheyOnceDidNot) {
  Seen seen;
  const char* const scaled =
      R"({"pp": 4, "ep": 2, "dp": 4, "recompute": "full", "precision": "fp8", "fp8_recipe": "block", "zero": 0,
          "dispatch_precision": "fp8"})";
  const char* const blocks =
      R"({"pp": 4, "ep": 4, "dp": 4, "micro_batch": 2, "precision": "fp8", "fp8_recipe": "mxfp8", "zero": 1,
          "dispatch_precision": "fp8"})";
  const char* const gathered =
      R"({"pp": 2, "cp": 4, "cp_kind": "all_gather", "dp": 2, "vpp": 2, "precision": "fp8", "zero": 3,
          "overlap": {"grad_reduce": false, "param_gather": false}})";
  for (const auto& [plan, dense_layers] : {std::pair(scaled, 0), {blocks, 0}, {gathered, 1}}) {
    SCOPED_TRACE(plan);
    const workload::Job job = workload::read_job_text(
        fmt::format(
            R"({{"model": {{"family": "moe", "layers": 8, "hidden": 128, "heads": 8, "ffn_hidden": 256, "vocab": 1000,
                            "moe": {{"experts": 8, "top_k": 2, "expert_ffn": 64, "dense_layers": {}}}}},
                "cluster": {{"node": "dgx-h100", "nodes": 2}},
                "train": {{"sequence_length": 512, "global_batch": 32}}, "software": "hai-llm", "plan": {}}})",
            dense_layers, plan),
        "job.json");
    expect_analytic_depth(job, {job.plan}, seen);
  }
}

/// Of the update's layers each is looked at where another lane gathers their weights, those of the work before too.
TEST(PlanSteps, EqualTheAnalyticDepthWhereWeightsAreGatheredBesideManyLayers) {
  Seen seen;
  for (const int layers : {4, 5, 8})
    for (const int ep : {1, 2}) {
      const Document document = parse_document(
          fmt::format(
              R"({{"model": {{"family": "moe", "layers": {}, "hidden": 128, "heads": 8, "ffn_hidden": 256, "vocab": 1000,
                             "moe": {{"experts": 8, "top_k": 2, "expert_ffn": 64}}}},
                  "cluster": {{"node": "dgx-h100", "nodes": 2}}, "software": "megatron-te",
                  "train": {{"sequence_length": 512, "global_batch": 32}},
                  "plan": {{"tp": 2, "ep": {}, "dp": 8, "micro_batch": 2, "sequence_parallel": true, "zero": 2,
                            "precision": "bf16", "overlap": {{"param_gather": true}}}}}})",
              layers, ep),
          "job.json");
      workload::Job job = workload::read_job_parts(document);
      workload::settle(job);
      expect_analytic_depth(job, {job.plan}, seen);
    }
}

TEST(PlanSteps, AreTheSameAloneAndAmongOthers) {
  const Document document = parse_document(world(1), "job.json");
  const Space space = wide_space(workload::read_job_parts(document));
  const std::vector<Plan> plans = drawn(space, 5, 100);
  const std::vector<Seconds> all = engine::PlanSteps(space.base(), kNoProfile).step_times(plans);
  engine::PlanSteps alone(space.base(), kNoProfile);
  for (std::size_t i = plans.size(); i-- > 0;)
    EXPECT_EQ(alone.step_times(std::span(&plans[i], 1)).front(), all[i]) << describe(plans[i]);
}

/// The host waits for sizes where ranks share experts out, and launches fewer kernels where these exchange by kernels of their own.
TEST(PlanSteps, TellPlansApartThatDifferByHowRowsGoToExperts) {
  const Document document = parse_document(
      R"({"model": {"family": "moe", "layers": 4, "hidden": 64, "heads": 4, "ffn_hidden": 256, "vocab": 512,
                    "moe": {"experts": 8, "top_k": 2, "expert_ffn": 64}},
          "cluster": {"node": "dgx-h100", "nodes": 1}, "train": {"sequence_length": 64, "global_batch": 64},
          "software": "megatron-core"})",
      "job.json");
  workload::Job job = workload::read_job_parts(document);
  job.plan.dp = job.plan.zero_group = 8;
  engine::PlanSteps steps(job, kNoProfile);
  for (const std::int64_t ep : {1, 2, 8})
    for (const auto dispatch :
         {workload::Dispatch::all_to_all, workload::Dispatch::hierarchical, workload::Dispatch::hybrid}) {
      job.plan.ep = ep, job.plan.dispatch = dispatch;
      workload::settle(job);
      const double exact = analysed(job);
      EXPECT_NEAR(steps.step_times(std::span(&job.plan, 1)).front().value, exact, 1e-12 * exact)
          << "ep " << ep << ", dispatch " << static_cast<int>(dispatch);
    }
}

TEST(PlanSteps, TellPlansApartThatDifferByDropoutAlone) {
  const Document document = parse_document(
      R"({"model": {"family": "gpt", "layers": 4, "hidden": 64, "heads": 4, "ffn_hidden": 256, "vocab": 512},
          "cluster": {"node": "dgx-a100-80g", "nodes": 1}, "train": {"sequence_length": 64, "global_batch": 64},
          "software": "megatron-deepspeed"})",
      "job.json");
  workload::Job job = workload::read_job_parts(document);
  job.plan.attention = workload::Attention::unfused;
  job.plan.recompute = workload::Recompute::none;
  for (const std::int64_t pp : {1, 2}) {
    job.plan.pp = pp, job.plan.tp = 2, job.plan.dp = job.plan.zero_group = 4 / pp;
    workload::settle(job);
    engine::PlanSteps steps(job, kNoProfile);
    std::vector<Seconds> all;
    for (const double dropout : {0.0, 0.1, 0.0}) {
      job.plan.dropout = dropout;
      all.push_back(steps.step_times(std::span(&job.plan, 1)).front());
      const double exact = analysed(job);
      EXPECT_NEAR(all.back().value, exact, 1e-12 * exact) << "pp " << pp << ", dropout " << dropout;
    }
    EXPECT_GT(all[1], all[0]);
    EXPECT_EQ(all[2], all[0]);
  }
}

TEST(PlanSteps, AreTheSameWithAnyNumberOfThreads) {
  const Document document = parse_document(world(7), "job.json");
  const Space space = wide_space(workload::read_job_parts(document));
  const std::vector<Plan> plans = drawn(space, 6, 400);
  const std::vector<Seconds> one = engine::PlanSteps(space.base(), kNoProfile, 1).step_times(plans);
  const std::vector<Seconds> many = engine::PlanSteps(space.base(), kNoProfile, 4).step_times(plans);
  for (std::size_t i = 0; i < plans.size(); ++i)
    EXPECT_EQ(one[i], many[i]) << describe(plans[i]);  // to the bit
}

/// Long schedules are put together from short ones, and skipped where they repeat themselves.
TEST(PlanSteps, EqualTheAnalyticDepthOverLongSteps) {
  const std::string text =
      R"({"model": {"family": "llama", "layers": 8, "hidden": 64, "heads": 8, "ffn_hidden": 256,
                    "vocab": 51200},
          "cluster": {"node": "dgx-a100-80g", "nodes": 1}, "train": {"sequence_length": 64, "global_batch": 1536},
          "software": "megatron-te"})";
  const Document document = parse_document(text, "job.json");
  workload::Job job = workload::read_job_parts(document);
  engine::PlanSteps steps(job, kNoProfile);
  using enum workload::Schedule;
  for (const auto schedule : {gpipe, one_f_one_b, interleaved, zb_h1, zb_v, dualpipe})
    for (const std::int64_t pp : {2, 4, 8})
      for (const bool beside : {false, true}) {
        Plan& plan = job.plan;
        plan.tp = 1, plan.pp = pp, plan.dp = plan.zero_group = 8 / pp, plan.schedule = schedule,
        plan.micro_batch = 1;
        if (plan.turns_back() && pp == 8) continue;  // of its 16 chunks some had no layer
        plan.vpp = schedule == interleaved && pp < 8 ? 2 : 1;
        plan.overlap.p2p = beside;
        workload::settle(job);
        const double exact = analysed(job);
        EXPECT_NEAR(steps.step_times(std::span(&plan, 1)).front().value, exact, 1e-12 * exact)
            << describe(plan);
      }
}

TEST(PlanSteps, EqualTheAnalyticDepthOnProcessors) {
  const cost::Profile profile = cost::rough_profile();
  for (const std::int64_t ranks : {1, 2, 4}) {
    const Document document = parse_document(
        fmt::format(
            R"({{"model": {{"family": "gpt", "layers": 4, "hidden": 64, "heads": 4, "ffn_hidden": 128, "vocab": 64}},
                        "cluster": {{"node": "localhost", "nodes": 1, "ranks": {}}},
                        "train": {{"sequence_length": 16, "global_batch": 16}}}})",
            ranks),
        "job.json");
    const Space space = read_space(workload::read_job_parts(document), {.cores = 4});
    std::vector<Plan> plans;
    workload::Job job = space.base();
    for (Index i = 0; i < space.size() && plans.size() < 200; ++i)
      if (!space.decode_into(space.candidate(i), job)) plans.push_back(job.plan);
    ASSERT_FALSE(plans.empty());
    const std::vector<Seconds> all = engine::PlanSteps(space.base(), profile).step_times(plans);
    for (std::size_t i = 0; i < plans.size(); ++i) {
      job.plan = plans[i];
      workload::settle(job);
      const cost::Machine machine(job, profile);
      const program::Program program = program::lower(job);
      const double exact = engine::analyse(program, engine::price(program, machine)).step_time.value;
      EXPECT_NEAR(all[i].value, exact, 1e-12 * exact) << describe(plans[i]);
    }
  }
}

}  // namespace
}  // namespace ds::tuner
