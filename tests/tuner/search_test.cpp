#include "tuner/search/search.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <numeric>
#include <set>

#include "simulator/base/error.h"
#include "simulator/base/random.h"
#include "simulator/engine/predict.h"
#include "tests/tuner/worlds.h"
#include "tuner/space/evaluator.h"
#include "tuner/space/event_judge.h"

namespace ds::tuner {
namespace {

const cost::Profile& profile() {
  static const cost::Profile rough = cost::rough_profile();
  return rough;
}

bool fits(const workload::Job& job, Bytes peak) {
  return static_cast<double>(peak.value) <= job.cluster.groups.front().node.memory_bytes_per_gpu;
}

engine::Prediction predicted(const workload::Job& job) {
  return engine::predict(job, cost::Machine(job, profile()), workload::Depth::analytic, engine::Rows::none);
}

/// Every combination of the space written into the job and read anew, as `ds-sim run --set` would: no numbering, no pruning,
/// no duplicates. Step times of those that are legal and fit, sorted.
std::vector<double> brute_force(const std::string& text, const Space& space) {
  std::vector<double> seconds;
  std::vector<std::size_t> digits(space.dimensions().size(), 0);
  for (std::size_t d = 0; d < digits.size();) {
    Document document = parse_document(text, "job.json");
    for (std::size_t i = 0; i < digits.size(); ++i) {
      const Dimension& dimension = space.dimensions()[i];
      apply_override(document, fmt::format("plan.{}={}", dimension.key->name,
                                           dimension.key->value.spell(dimension.values[digits[i]])));
    }
    workload::Job job = workload::read_job_parts(document);
    if (!workload::first_violation(job) && !workload::first_unsupported(job)) {
      workload::settle(job);
      const engine::Prediction p = predicted(job);
      if (fits(job, p.peak)) seconds.push_back(p.summary.step_time.value);
    }
    for (d = 0; d < digits.size() && ++digits[d] == space.dimensions()[d].values.size(); ++d) digits[d] = 0;
  }
  std::ranges::sort(seconds);
  return seconds;
}

/// The best step time of each kind of plan, no pruning.
std::vector<double> unpruned(const Space& space) {
  std::map<PlanKind, double> best;
  workload::Job job = space.base();
  for (Index i = 0; i < space.size(); ++i) {
    if (space.decode_into(space.candidate(i), job)) continue;
    const engine::Prediction p = predicted(job);
    if (!fits(job, p.peak)) continue;
    const double step = p.summary.step_time.value;
    const auto [found, is_new] = best.try_emplace(kind_of(job.plan), step);
    if (!is_new) found->second = std::min(found->second, step);
  }
  std::vector<double> seconds;
  for (const auto& [kind, step] : best) seconds.push_back(step);
  std::ranges::sort(seconds);
  return seconds;
}

/// For searchers that do not look ahead.
class Nothing : public Outlook {
 public:
  std::vector<Glance> look(std::span<const Candidate> candidates) override {
    return std::vector<Glance>(candidates.size());
  }
};
Outlook& nothing() {
  static Nothing one;
  return one;
}

std::unique_ptr<Searcher> in_order(const Space& space) {
  return find_method("exhaustive")->make({space, nothing()});
}
std::unique_ptr<Searcher> random_order(const Space& space, std::uint64_t seed) {
  return find_method("random")->make({space, nothing(), seed});
}

Found found(const Space& space, std::unique_ptr<Searcher> searcher, const Options& options = {}) {
  Evaluator evaluator(space, profile());
  return search(space, evaluator, *searcher, options);
}

Index seen(const Found& f) { return f.evaluations + f.pruned.rule + f.pruned.memory + f.pruned.bound; }

Constraints constraints_of(std::uint64_t number) {
  return {.pins = {number % 4 < 2 ? "plan.recompute=none" : "plan.recompute=full"},
          .forbids = {"plan.vpp=3"}};
}

TEST(Search, FindsWhatBruteForceFinds) {
  Index cut_by_bound = 0, cut_by_memory = 0;
  int with_a_plan = 0;
  for (std::uint64_t number = 0; number < kWorlds; ++number) {
    SCOPED_TRACE(world(number));
    const Space space = read_space(parts_of(world(number)), constraints_of(number));
    const std::vector<double> all = brute_force(world(number), space);
    const Found one = found(space, in_order(space), {.top = 1});
    EXPECT_EQ(one.end, End::seen_whole);
    EXPECT_EQ(seen(one), space.size());
    ASSERT_EQ(one.top.empty(), all.empty());
    cut_by_bound += one.pruned.bound;
    cut_by_memory += one.pruned.memory;
    if (all.empty()) continue;
    ++with_a_plan;
    EXPECT_NEAR(one.top.front().verdict.step_time.value, all.front(), 1e-12 * all.front());
  }
  EXPECT_GE(with_a_plan, 20);
  EXPECT_GT(cut_by_bound, 100);  // else nothing was tested
  EXPECT_GT(cut_by_memory, 50);
}

TEST(Search, HoldsTheBestPlanOfEachKindInAnyOrder) {
  constexpr std::size_t kTop = 4;
  for (std::uint64_t number = 0; number < kWorlds; number += 3) {
    SCOPED_TRACE(world(number));
    const Space space = read_space(parts_of(world(number)), {});
    std::vector<double> all = unpruned(space);
    all.resize(std::min(all.size(), kTop));
    for (const Method& method : methods()) {
      if (!method.sees_all) continue;
      Evaluator evaluator(space, profile());
      const auto searcher = method.make({space, evaluator, number});
      const Found f = search(space, evaluator, *searcher, {.top = kTop});
      ASSERT_EQ(f.top.size(), all.size()) << method.name;
      // Of plans that are equal up to rounding the bound may cut either.
      for (std::size_t i = 0; i < all.size(); ++i)
        EXPECT_NEAR(f.top[i].verdict.step_time.value, all[i], 1e-9 * all[i]) << method.name;
      EXPECT_EQ(seen(f), space.size());
      EXPECT_EQ(f.optimal(), !all.empty());
    }
  }
}

TEST(Search, EveryMethodFindsAPlanWhereThereIsOneAndAsksForNoneTwice) {
  for (std::uint64_t number = 0; number < kWorlds; number += 3) {
    SCOPED_TRACE(world(number));
    const Space space = read_space(parts_of(world(number)), {});
    const std::vector<double> all = unpruned(space);
    for (const Method& method : methods()) {
      SCOPED_TRACE(method.name);
      Evaluator evaluator(space, profile());
      const auto searcher = method.make({space, evaluator, number, 60});
      const Found f = search(space, evaluator, *searcher, {.evals = 60, .top = 1});
      EXPECT_LE(f.evaluations, 60);
      EXPECT_LE(seen(f), space.size());
      ASSERT_EQ(f.top.empty(), all.empty());
      if (all.empty()) continue;
      const double best = f.top.front().verdict.step_time.value;
      EXPECT_GE(best, all.front() * (1 - 1e-9));
      EXPECT_LE(best, all.front() * 3);
      const auto again = method.make({space, evaluator, number, 60});
      EXPECT_EQ(search(space, evaluator, *again, {.evals = 60, .top = 1}).top.front().index,
                f.top.front().index);
    }
  }
}

TEST(Search, EventJudgeProvesTheBestEventByEvent) {
  int different = 0;
  for (std::uint64_t number = 0; number < kWorlds; number += 4) {
    SCOPED_TRACE(world(number));
    const Space space = read_space(parts_of(world(number)), {});
    double best = std::numeric_limits<double>::infinity();
    workload::Job job = space.base();
    for (Index i = 0; i < space.size(); ++i) {
      if (space.decode_into(space.candidate(i), job)) continue;
      const auto p =
          engine::predict(job, cost::Machine(job, profile()), workload::Depth::event, engine::Rows::none);
      if (fits(job, p.peak)) best = std::min(best, p.summary.step_time.value);
    }
    EventJudge judge(space, profile(), 2);
    const Found f = search(space, judge, *in_order(space), {.top = 1});
    ASSERT_EQ(f.top.empty(), std::isinf(best));
    if (f.top.empty()) continue;
    EXPECT_NEAR(f.top.front().verdict.step_time.value, best, 1e-9 * best);
    different += f.pruned.bound > 0;
  }
  EXPECT_GT(different, 5);  // some were cut by analytic depth
}

TEST(Search, EqualSeedsGiveEqualResults) {
  const Space space = read_space(parts_of(world(0)), {});
  const auto indices = [&](std::uint64_t seed) {
    std::vector<Index> all;
    const Found f = found(space, random_order(space, seed), {.evals = 4});
    EXPECT_EQ(f.evaluations, 4);
    EXPECT_EQ(f.end, End::evals);
    EXPECT_FALSE(f.optimal());
    for (const Scored& c : f.top) all.push_back(c.index);
    return all;
  };
  EXPECT_EQ(indices(1), indices(1));
  EXPECT_NE(indices(1), indices(2));
}

TEST(RandomOrder, IsEveryCandidateOnce) {
  const workload::PlanKey* key = workload::find_plan_key("micro_batch");
  for (const std::size_t size : {1, 2, 3, 7, 8, 64, 1000}) {
    std::vector<std::int64_t> values(size);
    std::iota(values.begin(), values.end(), 1);
    const Space space(parts_of(world(0)), {{key, values}}, 1);
    const auto order = random_order(space, 5);
    std::set<Candidate> all;
    for (std::vector<Candidate> next = order->ask(5); !next.empty(); next = order->ask(5)) {
      EXPECT_LE(next.size(), 5U);
      for (const Candidate& candidate : next) {
        EXPECT_TRUE(candidate[0] >= 0 && candidate[0] < static_cast<std::int32_t>(size));
        EXPECT_TRUE(all.insert(candidate).second) << candidate[0];
      }
    }
    EXPECT_EQ(all.size(), size);
  }
}

TEST(Search, LooksAtTheStartFirstAndOnce) {
  const Space space = read_space(parts_of(world(0)), {});
  const Found whole = found(space, in_order(space));
  const Index best = whole.top.front().index;
  const Found f = found(space, in_order(space), {.start = space.candidate(best)});
  ASSERT_EQ(f.history.size(), 1U);
  EXPECT_EQ(f.history.front().evaluations, 1);
  EXPECT_EQ(f.top.front().index, best);
  EXPECT_EQ(seen(f), space.size());
}

/// Asks for what the masks let through, and writes down what it is told.
class Curious : public Searcher {
 public:
  explicit Curious(const Space& space) : space_(&space) {}
  std::vector<Candidate> ask(std::size_t most) override {
    std::vector<Candidate> next;
    const std::size_t last = space_->dimensions().size() - 1;
    const Index values = std::ssize(space_->dimensions()[last].values);
    for (; next_ < space_->size() && next.size() < most; next_ += values) {
      const std::vector<bool> legal = space_->legal_values(space_->candidate(next_), last);
      for (Index v = 0; v < values; ++v)
        if (legal[static_cast<std::size_t>(v)]) next.push_back(space_->candidate(next_ + v));
    }
    asked += std::ssize(next);
    return next;
  }
  void tell(std::span<const Candidate> candidates, std::span<const Verdict> verdicts) override {
    ASSERT_EQ(candidates.size(), verdicts.size());
    for (std::size_t i = 0; i < candidates.size(); ++i)
      EXPECT_TRUE(told.emplace(candidates[i], verdicts[i]).second) << "told twice";
  }

  Index asked{0};
  std::map<Candidate, Verdict> told;

 private:
  const Space* space_;
  Index next_{0};
};

TEST(Search, ASearcherMayGoByMasksAndIsToldEachOutcome) {
  for (const std::uint64_t number : {0, 1}) {
    const Space space = read_space(parts_of(world(number)), {});
    const Found whole = found(space, in_order(space));
    Evaluator evaluator(space, profile());
    Curious curious(space);
    const Candidate start = space.candidate(whole.top.front().index);
    const Found f = search(space, evaluator, curious, {.start = start});
    EXPECT_EQ(std::ssize(curious.told), curious.asked);
    EXPECT_EQ(f.pruned.rule, 0);
    EXPECT_EQ(f.top.front().index, whole.top.front().index);
    EXPECT_EQ(curious.told.at(start).reason, Reason::evaluated);
    EXPECT_EQ(curious.told.at(start).step_time, f.top.front().verdict.step_time);
  }
}

TEST(Search, StopsWhenItIsTold) {
  const Space space = read_space(parts_of(world(0)), {});
  StopToken stop;
  stop.signal = 2;
  const Index start = found(space, in_order(space)).top.front().index;
  const Found f = found(space, in_order(space), {.start = space.candidate(start), .stop = &stop});
  EXPECT_EQ(f.end, End::stopped);
  EXPECT_EQ(f.evaluations, 0);  // not even the start: one plan may take seconds
  EXPECT_TRUE(f.top.empty());
  const Found late = found(space, in_order(space), {.time_limit = {0}});
  EXPECT_EQ(late.end, End::time_limit);
}

/// Half a million candidates are asked for at once, and one that is no plan costs microseconds.
TEST(Search, IsToldToEndBetweenCandidatesThatAreNoPlans) {
  const Space space = read_space(parts_of(world(0)), {});
  Evaluator evaluator(space, profile());
  std::vector<Candidate> first;  // searchers would leave out most of them
  for (Index i = 0; i < 500; ++i) first.push_back(space.candidate(i));
  int left = 100;
  const std::vector<Verdict> verdicts =
      evaluator.evaluate(first, {.top = 1, .enough = [&] { return --left < 0; }});
  EXPECT_EQ(verdicts.size(), 500U);
  EXPECT_GE(left, -20);  // each part of the work asks once more, and ends
  EXPECT_TRUE(std::ranges::all_of(verdicts, [](const Verdict& v) { return v.reason == Reason::unseen; }));
}

TEST(Search, ShowsWhatItHasFoundWhileItGoesOn) {
  const Space space = read_space(parts_of(world(0)), {});
  Evaluator evaluator(space, profile());
  const std::unique_ptr<Searcher> searcher = random_order(space, 1);  // which leaves none out
  const Search* running = nullptr;
  std::optional<Found> early;
  Search one(space, evaluator, *searcher, {.progress = [&](double, std::string_view) {
               if (!early) early = running->found();
             }});
  running = &one;
  one.run();
  ASSERT_TRUE(early);
  EXPECT_EQ(early->end, End::stopped);
  EXPECT_EQ(seen(*early), 1);
  EXPECT_EQ(one.found().end, End::seen_whole);
  EXPECT_EQ(seen(one.found()), space.size());
}

TEST(Search, TheFrontHoldsNoPlanThatAnotherBeatsTwice) {
  for (std::uint64_t number = 0; number < 6; ++number) {
    const Space space = read_space(parts_of(world(number)), {});
    const Found f = found(space, in_order(space), {.top = 1000});
    for (std::size_t i = 1; i < f.front.size(); ++i) {
      EXPECT_GT(f.front[i].verdict.step_time, f.front[i - 1].verdict.step_time);
      EXPECT_LT(f.front[i].verdict.peak, f.front[i - 1].verdict.peak);
    }
    for (const Scored& c : f.top)
      EXPECT_TRUE(std::ranges::any_of(f.front, [&](const Scored& b) {
        return b.verdict.step_time <= c.verdict.step_time && b.verdict.peak <= c.verdict.peak;
      }));
  }
}

/// Step times and peaks.
std::vector<std::pair<double, std::int64_t>> extents_of(const std::vector<Scored>& plans) {
  std::vector<std::pair<double, std::int64_t>> extents;
  for (const Scored& one : plans) extents.emplace_back(one.verdict.step_time.value, one.verdict.peak.value);
  return extents;
}

/// Bounds cut plans all the same.
TEST(Search, TheWholeFrontIsThatOfAllPlans) {
  std::int64_t cut = 0;
  std::size_t longest = 0;
  for (std::uint64_t number = 0; number < 6; ++number) {
    const Space space = read_space(parts_of(world(number)), {});
    Evaluator evaluator(space, profile());
    const Found f = search(space, evaluator, *in_order(space), {.top = 1, .front = true});
    const auto number_of_all = static_cast<std::size_t>(space.size());
    const std::vector<Candidate> all = in_order(space)->ask(number_of_all);
    Front<Scored> front;
    for (const Verdict& v : evaluator.evaluate(all))
      if (v.reason == Reason::evaluated) front.add({{v.step_time, v.peak}, {0, v}});
    std::vector<Scored> expected;
    for (const auto& one : front.all()) expected.push_back(one.what);
    EXPECT_EQ(extents_of(f.front), extents_of(expected)) << number;
    EXPECT_EQ(f.front_is_whole, f.optimal());
    cut += static_cast<std::int64_t>(f.pruned.bound);
    longest = std::max(longest, expected.size());
    EXPECT_FALSE(found(space, in_order(space), {.top = 1}).front_is_whole);
  }
  EXPECT_GT(cut, 50);
  EXPECT_GT(longest, 2U);
}

TEST(Front, OfManyHoldsThoseThatNoOtherBeats) {
  const RandomStream draw(7, 1);
  for (std::uint64_t round = 0; round < 200; ++round) {
    std::vector<Extent> all;
    Front<std::size_t> front;
    for (std::uint64_t i = 0; i < 30; ++i) {
      const auto drawn = [&](std::uint64_t part) {
        return static_cast<std::int64_t>(draw.below(8, (round * 60) + (2 * i) + part));
      };
      all.push_back({Seconds{static_cast<double>(drawn(0))}, Bytes{drawn(1)}});
      front.add({all.back(), i});
    }
    const auto as_good = [](const Extent& a, const Extent& b) {
      return a.step_time <= b.step_time && a.peak <= b.peak;
    };
    for (const Extent& one : all) EXPECT_TRUE(front.beats(one));
    for (const auto& one : front.all())
      for (std::size_t i = 0; i < all.size(); ++i)
        if (as_good(all[i], one.extent)) {
          EXPECT_TRUE(as_good(one.extent, all[i])) << "beaten";
          EXPECT_GE(i, one.what) << "the first of equals stays";
        }
    EXPECT_TRUE(
        std::ranges::is_sorted(front.all(), {}, [](const auto& one) { return one.extent.step_time; }));
    EXPECT_FALSE(front.beats({Seconds{-1}, Bytes{100}}));
    EXPECT_FALSE(front.beats({Seconds{100}, Bytes{-1}}));
  }
}

TEST(Search, SaysWhatStoodInTheWay) {
  std::string text = world(1);
  const std::string key = "\"usable_memory_bytes\": ";
  text.insert(text.find(key) + key.size(), "1, \"max_node_w\": ");  // no GPU is that small
  const Space space = read_space(parts_of(text), {});
  const Found f = found(space, in_order(space));
  EXPECT_TRUE(f.top.empty());
  EXPECT_FALSE(f.optimal());
  ASSERT_TRUE(f.nearest);
  Index broken = 0;
  for (const auto& [rejection, all] : f.rejections) {
    broken += all.count;
    for (Index i = 0; i <= all.first; ++i) {
      const auto decoded = space.decode(i);
      const Rejection* const why = std::get_if<Rejection>(&decoded);
      EXPECT_EQ(why != nullptr && *why == rejection, i == all.first);
    }
  }
  EXPECT_EQ(broken, f.pruned.rule);
  EXPECT_EQ(f.pruned.memory, space.size() - broken);
}

}  // namespace
}  // namespace ds::tuner
