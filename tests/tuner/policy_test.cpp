#include "tuner/policy/policy.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <set>

#include "simulator/base/error.h"
#include "simulator/base/file.h"
#include "simulator/base/random.h"
#include "tests/tuner/worlds.h"
#include "tuner/policy/features.h"
#include "tuner/search/moves.h"
#include "tuner/space/evaluator.h"

namespace ds::tuner {
namespace {

const cost::Profile& profile() {
  static const cost::Profile rough = cost::rough_profile();
  return rough;
}

constexpr const char* kJob = R"({"model": "llama3-8b", "cluster": {"node": "dgx-h100", "nodes": 4},
  "train": {"sequence_length": 8192, "global_batch": 128}})";

Space wide_space() { return read_space(parts_of(kJob), {.file = std::string(kWideSpace)}); }

/// Puts those of least work first, and remembers what it was told.
class ByBound : public Network {
 public:
  class Order : public Ranking {
   public:
    explicit Order(ByBound& owner) : owner_(&owner) {}
    void add(const PlanRows& plans) override {
      EXPECT_EQ(plans.features.size(), plans.size() * feature_names().size());
      for (const float feature : plans.features) EXPECT_TRUE(std::isfinite(feature));
      bounds_.insert(bounds_.end(), plans.log_bounds.begin(), plans.log_bounds.end());
      open_.resize(bounds_.size(), true);
    }
    void observe(std::size_t plan, double log_step) override {
      EXPECT_GE(log_step, bounds_[plan] - 1e-6);  // what is above the bound
      ++owner_->observed;
      leave_out(plan);
    }
    void leave_out(std::size_t plan) override { open_[plan] = false; }
    std::optional<std::size_t> best() override {
      std::optional<std::size_t> best;
      for (std::size_t i = 0; i < bounds_.size(); ++i)
        if (open_[i] && (!best || bounds_[i] < bounds_[*best])) best = i;
      return best;
    }

   private:
    ByBound* owner_;
    std::vector<double> bounds_;
    std::vector<bool> open_;
  };
  std::size_t inputs() const override { return feature_names().size(); }
  std::unique_ptr<Ranking> ranking() override { return std::make_unique<Order>(*this); }
  void imitate(std::span<const Lesson>, const Imitation&) override {}
  void reinforce(std::span<const Lesson>, const Reinforcement&) override {}
  Score score(std::span<const Lesson>) override { return {}; }
  std::string save() const override { return {}; }

  int observed{0};
};

TEST(Features, AreFiniteAndNamedOnce) {
  const std::set<std::string_view> names(feature_names().begin(), feature_names().end());
  EXPECT_EQ(names.size(), feature_names().size());
  for (const std::string& text :
       {std::string(kJob), world(0), world(1), std::string(R"({"model": "mixtral-8x7b",
        "cluster": {"node": "dgx-a100-80g", "nodes": 2}, "train": {"sequence_length": 4096, "global_batch": 32}})")}) {
    const Space space = read_space(parts_of(text), {.file = std::string(kWideSpace)});
    Evaluator evaluator(space, profile());
    Moves moves(space, 5, 0);
    for (int i = 0; i < 200; ++i) {
      const std::optional<Candidate> one = moves.anywhere();
      if (!one) break;
      const std::vector<Glance> glances = evaluator.look(std::span(&*one, 1));
      for (const float feature : rows_of(space, std::span(&*one, 1), glances).features)
        EXPECT_TRUE(std::isfinite(feature));
    }
  }
}

TEST(LearnedSearcher, AsksForLegalPlansThatMayFitAndForNoneTwice) {
  const Space space = wide_space();
  Evaluator evaluator(space, profile());
  ByBound network;
  const auto searcher = learned_searcher({space, evaluator, 3}, network);
  std::set<Candidate> asked;
  int evaluated = 0;
  for (int i = 0; i < 300; ++i) {
    const std::vector<Candidate> next = searcher->ask(64);
    ASSERT_EQ(next.size(), 1U);
    EXPECT_TRUE(asked.insert(next.front()).second);
    const Glance glance = evaluator.look(next).front();
    EXPECT_FALSE(glance.rejection);
    EXPECT_LE(glance.share_of_memory, 1);
    const std::vector<Verdict> verdicts = evaluator.evaluate(next);
    evaluated += verdicts.front().reason == Reason::evaluated ? 1 : 0;
    searcher->tell(next, verdicts);
  }
  EXPECT_EQ(network.observed, evaluated);
  EXPECT_GT(evaluated, 50);
}

TEST(LearnedSearcher, SeesASmallSpaceWhole) {
  const Space space = read_space(parts_of(world(1)), {});
  Evaluator evaluator(space, profile());
  ByBound network;
  const auto learned = learned_searcher({space, evaluator, 3}, network);
  const auto all = find_method("exhaustive")->make({space, evaluator});
  const Found a = search(space, evaluator, *learned, {.top = 1}),
              b = search(space, evaluator, *all, {.top = 1});
  ASSERT_FALSE(b.top.empty());
  EXPECT_EQ(a.end, End::no_more);
  EXPECT_FALSE(a.optimal());  // it does not claim what it has not shown
  EXPECT_EQ(a.top.front().verdict.step_time, b.top.front().verdict.step_time);
}

/// Null where this was built without LibTorch.
std::shared_ptr<Network> network_or_none() {
  try {
    return fresh_network(1);
  } catch (const InputError& error) {
    EXPECT_NE(std::string(error.what()).find("libtorch-dev"), std::string::npos);
    return nullptr;
  }
}

/// Steps that follow from features: twice the bound where the tenth is above 0, else by half more.
std::vector<Lesson> synthetic(std::uint64_t seed) {
  std::vector<Lesson> lessons;
  const std::size_t width = feature_names().size();
  for (std::uint64_t l = 0; l < 6; ++l) {
    const RandomStream draw(seed, l);
    Lesson& lesson = lessons.emplace_back();
    for (std::uint64_t i = 0; i < 200; ++i) {
      for (std::uint64_t f = 0; f < width; ++f)
        lesson.plans.features.push_back(static_cast<float>(draw.normal(i * width + f)));
      lesson.plans.log_bounds.push_back(static_cast<float>(draw.uniform(1'000'000 + i)));
      const bool slow = lesson.plans.features[i * width + 10] > 0;
      lesson.log_steps.push_back(lesson.plans.log_bounds.back() + (slow ? 0.7F : 0.4F));
    }
  }
  return lessons;
}

/// Learns the lessons a little; says how often it told of it.
int learn(Network& network, const std::vector<Lesson>& lessons) {
  int told = 0;
  network.imitate(lessons,
                  {.rounds = 150, .lessons = 4, .plans = 128, .watch = [&](double, double) { ++told; }});
  network.reinforce(lessons, {.rounds = 5, .lessons = 2, .plans = 64, .rollouts = 4, .choices = 4});
  return told;
}

TEST(Network, Learns) {
  const std::shared_ptr<Network> network = network_or_none();
  if (!network) GTEST_SKIP() << "built without LibTorch";
  const std::vector<Lesson> lessons = synthetic(1);
  const Network::Score before = network->score(lessons);
  EXPECT_GT(learn(*network, lessons), 0);
  const Network::Score after = network->score(lessons), unseen = network->score(synthetic(2));
  EXPECT_LT(after.error, 0.5 * before.error);
  EXPECT_LE(after.tenth, before.tenth + 1e-9);
  EXPECT_LT(unseen.error, before.error);

  const std::shared_ptr<Network> again = fresh_network(1);
  learn(*again, lessons);
  EXPECT_EQ(again->score(lessons).error, after.error);
}

TEST(Network, IsTheSameOnceSavedAndLoaded) {
  const std::shared_ptr<Network> network = network_or_none();
  if (!network) GTEST_SKIP() << "built without LibTorch";
  const std::vector<Lesson> lessons = synthetic(1);
  const Network::Score kept = network->score(lessons);
  const std::filesystem::path file = std::filesystem::path(testing::TempDir()) / "policy.pt";
  write_file_atomically(file, network->save());
  const Network::Score loaded = load_policy(file)->score(lessons);
  EXPECT_EQ(loaded.error, kept.error);
  EXPECT_EQ(loaded.tenth, kept.tenth);

  const std::string bytes = network->save();
  for (const std::size_t cut : {std::size_t{0}, std::size_t{1}, bytes.size() / 2, bytes.size() - 1}) {
    write_file_atomically(file, bytes.substr(0, cut));
    EXPECT_THROW(load_policy(file), InputError) << cut;
  }
}

TEST(Ranking, LearnsFromTheStepsOfTheJobAtHand) {
  const std::shared_ptr<Network> network = network_or_none();
  if (!network) GTEST_SKIP() << "built without LibTorch";
  const Lesson lesson = synthetic(3).front();
  const auto order = network->ranking();
  order->add(lesson.plans);
  std::set<std::size_t> seen;
  double best = 1e9;
  for (int i = 0; i < 60; ++i) {
    const auto plan = order->best();
    ASSERT_TRUE(plan);
    EXPECT_TRUE(seen.insert(*plan).second);
    order->observe(*plan, lesson.log_steps[*plan]);
    best = std::min<double>(best, lesson.log_steps[*plan]);
  }
  // Untrained: it has nothing but the bound and what it is told.
  std::vector<float> sorted = lesson.log_steps;
  std::ranges::sort(sorted);
  EXPECT_LE(best, sorted[5]);
  for (std::size_t i = 0; i < lesson.plans.size(); ++i) order->leave_out(i);
  EXPECT_FALSE(order->best());
}

}  // namespace
}  // namespace ds::tuner
