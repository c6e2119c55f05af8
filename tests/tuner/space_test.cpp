#include "tuner/space/space.h"

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <set>
#include <tuple>

#include "simulator/base/error.h"
#include "simulator/program/program.h"
#include "simulator/workload/settle.h"
#include "simulator/workload/supported.h"
#include "tests/tuner/worlds.h"
#include "tuner/space/evaluator.h"
#include "tuner/space/orders.h"

namespace ds::tuner {
namespace {

constexpr const char* kJob = R"({
  "model": {"family": "gpt", "layers": 4, "hidden": 32, "heads": 4, "ffn_hidden": 64, "vocab": 64},
  "cluster": {"node": "dgx-a100-80g", "nodes": 1}, "train": {"sequence_length": 16, "global_batch": 8}, "plan": PLAN})";

std::string job_text(const std::string& plan = "{}") {
  std::string text = kJob;
  return text.replace(text.find("PLAN"), 4, plan);
}

Space space_of(const Constraints& constraints, const std::string& plan = "{}") {
  return read_space(parts_of(job_text(plan)), constraints);
}

/// The message of the refusal, "" where there is none.
std::string refusal(const Constraints& constraints, const std::string& plan = "{}") {
  try {
    space_of(constraints, plan);
  } catch (const InputError& error) {
    return error.what();
  }
  return {};
}

/// The plans of a space that are legal.
std::vector<workload::Plan> plans(const Space& space) {
  std::vector<workload::Plan> all;
  workload::Job job = space.base();
  for (Index i = 0; i < space.size(); ++i)
    if (!space.decode_into(space.candidate(i), job)) all.push_back(job.plan);
  return all;
}

TEST(Space, NumbersEveryPlanOnceAndFindsItAgain) {
  const Space space = space_of({});
  workload::Job job = space.base();
  int legal = 0;
  for (Index i = 0; i < space.size(); ++i) {
    if (space.decode_into(space.candidate(i), job)) continue;
    ++legal;
    EXPECT_EQ(space.find(job.plan), space.candidate(i));
    EXPECT_EQ(job.plan.tp * job.plan.pp * job.plan.dp, 8);
  }
  EXPECT_GT(legal, 50);
}

TEST(Space, DigitsAndNumberAreTheSameCandidate) {
  const Space space = space_of({});
  Candidate last(space.dimensions().size(), 0);
  for (Index i = 0; i < space.size(); ++i) {
    const Candidate digits = space.candidate(i);
    EXPECT_EQ(space.index(digits), i);
    if (i > 0) {
      EXPECT_LT(last, digits);  // the last digit varies fastest
    }
    last = digits;
  }
  for (std::size_t d = 0; d < last.size(); ++d)
    EXPECT_EQ(last[d] + 1, std::ssize(space.dimensions()[d].values));
}

TEST(Space, MasksSayWhichValuesAreLegalBesideTheOthers) {
  const Space space = space_of({});
  std::size_t legal = 0, illegal = 0;
  for (Index i = 0; i < space.size(); i += 17) {
    const Candidate digits = space.candidate(i);
    for (std::size_t d = 0; d < digits.size(); ++d) {
      const std::vector<bool> mask = space.legal_values(digits, d);
      ASSERT_EQ(mask.size(), space.dimensions()[d].values.size());
      for (std::size_t v = 0; v < mask.size(); ++v) {
        Candidate other = digits;
        other[d] = static_cast<std::int32_t>(v);
        EXPECT_EQ(mask[v], std::holds_alternative<workload::Job>(space.decode(other)));
        ++(mask[v] ? legal : illegal);
      }
    }
  }
  EXPECT_GT(legal, 50U);
  EXPECT_GT(illegal, 50U);
}

std::set<Rejection> rejections(const Space& space) {
  std::set<Rejection> all;
  for (Index i = 0; i < space.size(); ++i)
    if (const auto decoded = space.decode(i); std::holds_alternative<Rejection>(decoded))
      all.insert(std::get<Rejection>(decoded));
  return all;
}

TEST(Space, SaysWhyACandidateIsNoPlan) {
  const std::set<Rejection> on_gpus = rejections(space_of({.pins = {"plan.precision=dynamic"}}));
  EXPECT_TRUE(on_gpus.contains({Reason::rule, "plan.vpp"}));
  EXPECT_TRUE(on_gpus.contains({Reason::unsupported, "plan.precision"}));
  EXPECT_TRUE(on_gpus.contains({Reason::duplicate, ""}));
  std::string text = job_text();
  text.replace(text.find("dgx-a100-80g"), 12, "localhost");
  EXPECT_TRUE(
      rejections(read_space(parts_of(text), {.cores = 2})).contains({Reason::more_ranks_than_cores, ""}));
}

/// A GPT ties its embeddings, which dualpipe cannot have yet: other plans remain, and nobody throws.
TEST(Space, PassesOverDualpipeWithTiedEmbeddings) {
  const Space space = space_of({.pins = {"plan.schedule=dualpipe"}});
  EXPECT_TRUE(rejections(space).contains({Reason::unsupported, "plan.schedule"}));
  EXPECT_TRUE(plans(space).empty());
}

TEST(OrdersLike1f1b, AreThoseOfTheScheduleThatLoweringMakes) {
  using workload::Schedule;
  OrdersLike1f1b orders;
  EXPECT_TRUE(orders.has(Schedule::gpipe, 4, 1));
  EXPECT_FALSE(orders.has(Schedule::gpipe, 4, 2));
  EXPECT_TRUE(orders.has(Schedule::gpipe, 1, 8));        // one stage: as fast, and keeps more
  EXPECT_TRUE(orders.has(Schedule::interleaved, 2, 2));  // warms up with as many as there are
  EXPECT_FALSE(orders.has(Schedule::interleaved, 4, 8));
  EXPECT_FALSE(orders.has(Schedule::zb_h1, 4, 8));
}

TEST(Space, APinLeavesOneValue) {
  const auto all = plans(space_of({.pins = {"plan.tp=2", "plan.schedule=1f1b", "plan.zero=1"}}));
  EXPECT_FALSE(all.empty());
  for (const workload::Plan& p : all)
    EXPECT_TRUE(p.tp == 2 && p.schedule == workload::Schedule::one_f_one_b && p.zero == 1);
}

TEST(Space, DpCanBePinnedWhereItFollows) {
  const auto all = plans(space_of({.pins = {"plan.dp=4"}}));
  EXPECT_FALSE(all.empty());
  for (const workload::Plan& p : all) EXPECT_EQ(p.dp, 4);
}

TEST(Space, AForbiddenValueOrFeatureIsInNoPlan) {
  std::set<std::int64_t> tp;
  const auto all = plans(space_of({.forbids = {"plan.tp=2", "plan.recompute", "plan.dp=8"}}));
  for (const workload::Plan& p : all) {
    tp.insert(p.tp);
    EXPECT_EQ(p.recompute, workload::Recompute::none);
    EXPECT_NE(p.dp, 8);
  }
  EXPECT_EQ(tp, (std::set<std::int64_t>{1, 4}));
}

TEST(Space, OtherKeysAreAsInTheJob) {
  for (const workload::Plan& p :
       plans(space_of({}, R"({"attention": "unfused", "overlap": {"p2p": false}})"))) {
    EXPECT_EQ(p.attention, workload::Attention::unfused);
    EXPECT_FALSE(p.overlap.p2p);
  }
}

/// 4 layers on localhost: at most as many ranks as cores, unless the job says how many.
TEST(Space, OnCpusRanksAreUpToTheCoresOrWhatIsAsked) {
  std::string text = job_text();
  text.replace(text.find("dgx-a100-80g"), 12, "localhost");
  std::set<std::int64_t> ranks;
  for (const workload::Plan& p : plans(read_space(parts_of(text), {.cores = 3})))
    ranks.insert(p.tp * p.pp * p.dp);
  EXPECT_EQ(ranks, (std::set<std::int64_t>{1, 2, 3}));
  text.replace(text.find(R"("nodes": 1)"), 10, R"("nodes": 1, "ranks": 4)");
  ranks.clear();
  for (const workload::Plan& p : plans(read_space(parts_of(text), {.cores = 3})))
    ranks.insert(p.tp * p.pp * p.dp);
  EXPECT_EQ(ranks, (std::set<std::int64_t>{4}));
}

/// Of plans that differ in their schedule alone the others remain where 1f1b may not be asked for.
TEST(Space, WithoutAPipelineThereIsOneScheduleUnlessAnotherIsPinned) {
  using workload::Schedule;
  std::set<Schedule> with_a_pipeline;
  for (const workload::Plan& p : plans(space_of({}))) {
    if (p.pp > 1) with_a_pipeline.insert(p.schedule);
    EXPECT_TRUE(p.pp > 1 || p.schedule == Schedule::one_f_one_b) << describe(p);
  }
  EXPECT_EQ(with_a_pipeline.size(), 3U);
  for (const char* pinned : {"plan.schedule=gpipe", "plan.schedule=interleaved"})
    EXPECT_TRUE(std::ranges::any_of(plans(space_of({.pins = {pinned}})), [](const workload::Plan& p) {
      return p.pp == 1;
    })) << pinned;
}

TEST(Space, EveryPlanHasADescriptionOfItsOwn) {
  std::set<std::string> words;
  for (const char* attention : {"plan.attention=flash", "plan.attention=unfused"})
    for (const workload::Plan& p : plans(space_of({.pins = {attention}})))
      EXPECT_TRUE(words.insert(describe(p)).second) << describe(p);
  EXPECT_GT(words.size(), 100U);
}

TEST(Space, DescribesWhatElseVaries) {
  const workload::Job base = parts_of(world(0));
  std::vector<Dimension> dimensions = read_space(base, {}).dimensions();
  for (const workload::PlanKey* key : workload::varied_plan_keys())
    if (key->name.starts_with("overlap.") || key->name == "recompute") {
      std::erase_if(dimensions, [&](const Dimension& d) { return d.key == key; });
      dimensions.push_back({key, {0, 1}});  // recompute: none and selective
    }
  const Space space(base, dimensions, 2);
  std::set<std::string> words;
  for (const workload::Plan& p : plans(space))
    EXPECT_TRUE(words.insert(describe(p, space)).second) << describe(p, space);
  EXPECT_TRUE(std::ranges::any_of(words, [](const std::string& text) {
    return text.find("overlap: param_gather p2p") != std::string::npos;
  }));
}

TEST(Space, NoTwoPlansAreTheSameProgram) {
  for (std::uint64_t number = 0; number < 8; ++number) {
    SCOPED_TRACE(world(number));
    const Space space = read_space(parts_of(world(number)), {});
    std::set<std::uint64_t> programs;
    workload::Job job = space.base();
    for (Index i = 0; i < space.size(); ++i)
      if (!space.decode_into(space.candidate(i), job)) {
        EXPECT_TRUE(programs.insert(program::lower(job).hash).second) << describe(job.plan);
      }
    EXPECT_GT(programs.size(), 10U);
  }
}

/// What makes a plan another one, whatever its schedule, sequence parallelism and ZeRO.
auto shape(const workload::Plan& p) {
  return std::tuple(p.tp, p.pp, p.dp, p.vpp, p.micro_batch, p.recompute);
}

TEST(Space, OfEveryDuplicateThereIsAPlanAsFastAndNoLarger) {
  const cost::Profile rough = cost::rough_profile();
  int duplicates = 0;
  for (std::uint64_t number = 0; number < 8; ++number) {
    const Space space = read_space(parts_of(world(number)), {.pins = {"plan.recompute=none"}});
    Evaluator evaluator(space, rough);
    workload::Job job = space.base();
    std::vector<std::pair<workload::Plan, Verdict>> legal, duplicate;
    for (Index i = 0; i < space.size(); ++i) {
      const auto fault = space.decode_into(space.candidate(i), job);
      if (fault && fault->reason != Reason::duplicate) continue;
      if (workload::first_unsupported(job)) continue;
      workload::settle(job);
      const auto verdicts = evaluator.evaluate(std::span(&job.plan, 1), {.too_large_ones = true});
      (fault ? duplicate : legal).emplace_back(job.plan, verdicts.front());
    }
    duplicates += static_cast<int>(duplicate.size());
    for (const auto& one : duplicate) {
      const auto as_good = [&](const auto& other) {
        return shape(other.first) == shape(one.first) && other.second.peak <= one.second.peak &&
               other.second.step_time.value <= one.second.step_time.value * (1 + 1e-9);
      };
      EXPECT_TRUE(std::ranges::any_of(legal, as_good)) << describe(one.first) << " in " << world(number);
    }
  }
  EXPECT_GT(duplicates, 100);
}

/// What the default space leaves alone may be asked for.
TEST(Space, ModulesAndOffloadingMayBePinned) {
  using workload::Module;
  const Space space = space_of({.pins = {R"(plan.recompute=["mlp", "core_attn"])",
                                         "plan.offload.activations=2", "plan.offload.optimizer=true"}});
  const std::vector<workload::Plan> all = plans(space);
  EXPECT_FALSE(all.empty());
  for (const workload::Plan& p : all) {
    EXPECT_EQ(p.recompute_modules, set_of(Module::mlp) | set_of(Module::core_attn));
    EXPECT_EQ(p.offload_activations, 2);
    EXPECT_TRUE(p.offload_optimizer);
    EXPECT_NE(describe(p).find("recompute of core_attn mlp, optimizer on the host, 2 layers offloaded"),
              std::string::npos)
        << describe(p);
  }
  for (const workload::Plan& p : plans(space_of({.pins = {"plan.recompute=2"}})))
    EXPECT_EQ(p.recompute_layers, 2);
}

TEST(Space, KeysOfAFileThatAreNamedOtherwiseAreToldAsTheyAreNamedHere) {
  const std::pair<const char*, const char*> keys[] = {
      {R"({"plan.tp": [1]})", "did you mean \"tp\"?"},
      {R"({"tensor_model_parallel_size": [1]})", "did you mean \"tp\"?"},
      {R"({"micro_batch_size": [1]})", "did you mean \"micro_batch\"?"},
      {R"({"overlap": {"p2p": [true]}})", "did you mean \"overlap.p2p\"?"},
      {R"({"tpp": [1]})", "did you mean tp?"},
      {R"({"collectives": [1]})", "known are tp, pp"}};
  const std::string file =
      (std::filesystem::temp_directory_path() / fmt::format("ds-space-{}.json", ::getpid())).string();
  for (const auto& [text, part] : keys) {
    std::ofstream(file) << text;
    EXPECT_NE(refusal({.file = file}).find(part), std::string::npos) << refusal({.file = file});
  }
  std::filesystem::remove(file);
}

TEST(Space, ConstraintsThatCannotBeMeantAreRefused) {
  EXPECT_NE(refusal({.pins = {"tp=2"}}).find("--pin"), std::string::npos);
  EXPECT_NE(refusal({.pins = {"plan.tpp=2"}}).find("did you mean plan.tp"), std::string::npos);
  EXPECT_NE(refusal({.pins = {"plan.tp"}}).find("has no value"), std::string::npos);
  EXPECT_NE(refusal({.pins = {"plan.tp="}}).find("--pin"), std::string::npos);
  EXPECT_NE(refusal({.pins = {"plan.tp=2.5"}}).find("whole number"), std::string::npos);
  EXPECT_NE(refusal({.pins = {"plan.schedule=\"1f1b"}}).find("JSON value"), std::string::npos);
  EXPECT_NE(refusal({.pins = {"plan.schedule=2f2b"}}).find("gpipe"), std::string::npos);
  EXPECT_NE(refusal({.forbids = {"plan.schedule"}}).find("left out"), std::string::npos);
  EXPECT_NE(refusal({.pins = {"plan.tp=2"}, .forbids = {"plan.tp"}}).find("no value"), std::string::npos);
  EXPECT_EQ(refusal({.forbids = {"plan.offload"}}), "");
  EXPECT_NE(refusal({.forbids = {"plan.dropout"}}, R"({"dropout": 0.1})").find("job's own"),
            std::string::npos);
}

TEST(Space, WhatNoPlanCouldMendIsRefusedAtOnce) {
  EXPECT_NE(refusal({}, R"({"sparsity": "2:4"})").find("plan.sparsity: sparsity is not supported yet"),
            std::string::npos);
  std::string text = job_text();
  text.replace(text.find("\"heads\": 4"), 10, "\"heads\": 5");
  EXPECT_THROW(read_space(parts_of(text), {}), InputError);
}

}  // namespace
}  // namespace ds::tuner
