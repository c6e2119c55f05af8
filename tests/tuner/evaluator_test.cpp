// What an evaluator says of a candidate depends on the candidate alone: not on what was asked before, nor on its batch.
#include "tuner/space/evaluator.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>
#include <variant>

#include "simulator/base/random.h"
#include "simulator/engine/predict.h"
#include "tests/tuner/worlds.h"
#include "tuner/search/moves.h"

namespace ds::tuner {
namespace {

constexpr const char* kGpuJob = R"({
  "model": {"family": "gpt", "layers": 4, "hidden": 1024, "heads": 8, "ffn_hidden": 4096, "vocab": 4096},
  "cluster": {"node": "dgx-a100-80g", "nodes": 2}, "train": {"sequence_length": 512, "global_batch": 32}})";

const cost::Profile& profile() {
  static const cost::Profile rough = cost::rough_profile();
  return rough;
}

bool same(const Verdict& a, const Verdict& b) {
  return a.rejection() == b.rejection() && a.step_time.value == b.step_time.value && a.peak == b.peak &&
         a.share_of_memory == b.share_of_memory && a.fits == b.fits;
}

std::vector<Candidate> all_of(const Space& space) {
  std::vector<Candidate> all;
  for (Index i = 0; i < space.size(); ++i) all.push_back(space.candidate(i));
  return all;
}

/// Legal plans with another value of one key in each second one: whoever remembers by too few keys mixes them up.
std::vector<workload::Plan> plans_in_pairs(const Space& space, void (*change)(workload::Plan&)) {
  std::vector<workload::Plan> plans;
  workload::Job job = space.base();
  for (Index i = 0; i < space.size(); i += 7)
    if (!space.decode_into(space.candidate(i), job)) {
      plans.push_back(job.plan);
      change(job.plan);
      plans.push_back(job.plan);
      job.plan = space.base().plan;
    }
  return plans;
}

void expect_fresh_answers(void (*change)(workload::Plan&), double least_change) {
  const Space space = read_space(parts_of(kGpuJob), {});
  const std::vector<workload::Plan> plans = plans_in_pairs(space, change);
  ASSERT_GT(plans.size(), 20U);
  Evaluator one(space, profile());
  int changed = 0;
  for (const workload::Plan& plan : plans) {
    const Verdict asked = one.evaluate(std::span(&plan, 1)).front();
    Evaluator fresh(space, profile());
    EXPECT_TRUE(same(asked, fresh.evaluate(std::span(&plan, 1)).front())) << describe(plan);
  }
  const std::vector<Verdict> verdicts = Evaluator(space, profile()).evaluate(plans);
  for (std::size_t i = 0; i < plans.size(); i += 2)
    changed += verdicts[i + 1].step_time.value > verdicts[i].step_time.value * (1 + least_change) ? 1 : 0;
  EXPECT_GT(changed, std::ssize(plans) / 4);  // else the key was of no consequence
}

TEST(Evaluator, RemembersNothingOfAnotherDropout) {
  expect_fresh_answers([](workload::Plan& plan) { plan.dropout = 0.1; }, 0.001);
}

TEST(Evaluator, RemembersNothingOfAnotherRecompute) {
  expect_fresh_answers(
      [](workload::Plan& plan) {
        plan.recompute = plan.recompute == workload::Recompute::full ? workload::Recompute::none
                                                                     : workload::Recompute::full;
      },
      0.0);
}

TEST(Evaluator, RemembersNothingOfOtherModules) {
  expect_fresh_answers(
      [](workload::Plan& plan) {
        const bool mlps = plan.recompute == workload::Recompute::none;
        plan.recompute = mlps ? workload::Recompute::modules : workload::Recompute::full;
        plan.recompute_modules = mlps ? set_of(workload::Module::mlp) : 0;
      },
      0.0);
}

TEST(Evaluator, RemembersNothingOfOffloading) {
  expect_fresh_answers([](workload::Plan& plan) { plan.offload_optimizer = true; }, 0.0);
}

TEST(Evaluator, SaysTheSameOfACandidateInAnyOrderAndBatch) {
  for (const std::uint64_t number : {0, 1, 3}) {
    SCOPED_TRACE(world(number));
    const Space space = read_space(parts_of(world(number)), {});
    std::vector<Candidate> candidates = all_of(space);
    const std::vector<Verdict> together = Evaluator(space, profile(), 2).evaluate(candidates);
    ASSERT_EQ(together.size(), candidates.size());
    std::map<Candidate, Verdict> known;
    for (std::size_t i = 0; i < candidates.size(); ++i) known[candidates[i]] = together[i];
    const RandomStream draw(number, 3);
    for (std::size_t i = candidates.size(); i > 1; --i)
      std::swap(candidates[i - 1], candidates[draw.below(i, i)]);
    candidates.resize(std::min<std::size_t>(candidates.size(), 200));
    candidates.push_back(candidates.front());  // twice
    Evaluator one(space, profile());
    for (const Candidate& candidate : candidates)
      EXPECT_TRUE(same(one.evaluate(std::span(&candidate, 1)).front(), known[candidate]))
          << space.index(candidate);
  }
}

/// Of every key that can be varied.
TEST(Evaluator, SaysOfPlansOfTheWideSpaceWhatLoweringSays) {
  const char* jobs[] = {
      R"({"model": {"family": "llama", "layers": 10, "hidden": 512, "heads": 8, "ffn_hidden": 1024, "vocab": 32000},
    "cluster": {"node": "dgx-h100", "nodes": 1}, "train": {"sequence_length": 4096, "global_batch": 32}})",
      R"({"model": {"family": "moe", "layers": 6, "hidden": 256, "heads": 8, "ffn_hidden": 512, "vocab": 8000,
    "moe": {"experts": 8, "top_k": 2, "expert_ffn": 256}},
    "cluster": {"node": "dgx-a100-80g", "nodes": 2}, "train": {"sequence_length": 2048, "global_batch": 64}})"};
  std::set<std::int64_t> ends;
  for (const char* text : jobs) {
    const Space space = read_space(parts_of(text), {.file = std::string(kWideSpace)});
    Moves moves(space, 11, 0);
    std::vector<Candidate> candidates;
    for (int i = 0; i < 150; ++i)
      if (auto one = moves.anywhere()) candidates.push_back(std::move(*one));
    ASSERT_GT(candidates.size(), 100U);
    const std::vector<Verdict> verdicts =
        Evaluator(space, profile(), 2).evaluate(candidates, {.too_large_ones = true});
    for (std::size_t i = 0; i < candidates.size(); ++i) {
      const auto job = std::get<workload::Job>(space.decode(candidates[i]));
      SCOPED_TRACE(describe(job.plan, space));
      const engine::Prediction p =
          engine::predict(job, cost::Machine(job, profile()), workload::Depth::analytic, engine::Rows::none);
      EXPECT_NEAR(verdicts[i].step_time / p.summary.step_time, 1, 1e-9);
      EXPECT_EQ(verdicts[i].peak.value, p.peak.value);
      ends.insert(4 * job.plan.embedding_as_layers + job.plan.head_as_layers);
    }
  }
  EXPECT_GT(ends.size(), 8U);  // else nothing of these was tested
}

/// How many of `all` were cut.
std::size_t cut_soundly(const std::vector<Verdict>& pruned, const std::vector<Verdict>& all, Seconds worst) {
  std::size_t cut = 0;
  EXPECT_EQ(pruned.size(), all.size());
  for (std::size_t i = 0; i < std::min(pruned.size(), all.size()); ++i) {
    if (pruned[i].reason != Reason::bound) {
      EXPECT_TRUE(same(pruned[i], all[i]));
      continue;
    }
    ++cut;
    if (all[i].reason == Reason::memory) continue;  // nobody asked
    EXPECT_EQ(all[i].reason, Reason::evaluated);
    EXPECT_LE(pruned[i].step_time.value, all[i].step_time.value * (1 + 1e-9));
    EXPECT_GE(all[i].step_time.value, worst.value);
  }
  return cut;
}

/// Worlds 0 and 2 are on CPUs, where no plan is estimated and bounds are asked for.
TEST(Evaluator, CutsByBoundNoPlanThatIsAmongTheBest) {
  constexpr std::size_t kTop = 3;
  std::size_t cut = 0;
  for (const std::uint64_t number : {0, 2, 4}) {
    const Space space = read_space(parts_of(world(number)), {});
    const std::vector<Candidate> candidates = all_of(space);
    Evaluator evaluator(space, profile());
    const std::vector<Verdict> all = evaluator.evaluate(candidates);
    Leaders<std::size_t> best(kTop);
    workload::Job job = space.base();
    for (std::size_t i = 0; i < all.size(); ++i)
      if (all[i].reason == Reason::evaluated && !space.decode_into(candidates[i], job))
        best.add({kind_of(job.plan), all[i].step_time, i});
    ASSERT_GE(best.all().size(), 2U);
    const auto& first = best.all().front();
    const std::vector<Verdict> pruned = evaluator.evaluate(
        candidates, {.top = kTop, .best = {{.kind = first.kind, .step_time = first.step_time}}});
    cut += cut_soundly(pruned, all, first.step_time);
    for (const auto& one : best.all()) EXPECT_EQ(pruned[one.what].reason, Reason::evaluated);
  }
  EXPECT_GT(cut, 20U);
}

TEST(Evaluator, EndsAfterSoManyEvaluationsOrWhenItIsEnough) {
  const Space space = read_space(parts_of(world(0)), {});
  const std::vector<Candidate> candidates = all_of(space);
  Evaluator evaluator(space, profile());
  std::vector<std::size_t> told;
  const std::vector<Verdict> few = evaluator.evaluate(
      candidates, {.evals = 2, .told = [&](std::size_t i, const Verdict&) { told.push_back(i); }});
  EXPECT_EQ(std::ranges::count(few, Reason::evaluated, &Verdict::reason), 2);
  ASSERT_EQ(few.size(), candidates.size());
  EXPECT_LT(told.size(), few.size());
  EXPECT_TRUE(std::ranges::is_sorted(told));
  for (std::size_t i = 0; i < few.size(); ++i) EXPECT_EQ(few[i].reason == Reason::unseen, i >= told.size());
  int asked = 0;
  const std::vector<Verdict> some = evaluator.evaluate(candidates, {.enough = [&] { return ++asked > 3; }});
  EXPECT_GT(std::ranges::count(some, Reason::unseen, &Verdict::reason), 0);
}

}  // namespace
}  // namespace ds::tuner
