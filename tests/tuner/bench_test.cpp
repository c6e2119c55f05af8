#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "simulator/base/error.h"
#include "tests/tuner/worlds.h"
#include "tuner/bench/instance.h"
#include "tuner/bench/lessons.h"
#include "tuner/bench/race.h"
#include "tuner/bench/recorded.h"

namespace ds::tuner {
namespace {

const cost::Profile& profile() {
  static const cost::Profile rough = cost::rough_profile();
  return rough;
}

TEST(Instances, OfTheComparisonShareNothingWithThoseThatPoliciesLearnFrom) {
  const std::vector<Instance> all =
      read_instances(std::filesystem::path(DS_SOURCE_DIR) / "profiles/tuner/instances.json");
  std::set<std::string> models, nodes, names;
  std::set<std::int64_t> scales;
  std::size_t held_out = 0;
  const auto learned = [](const Instance& one) {
    return one.tier == Tier::train || one.tier == Tier::tuning;
  };
  const auto shape = [](const Instance& one) {
    const workload::Model& m = one.job.model;
    return std::to_string(m.layers) + "/" + std::to_string(m.hidden) + "/" + std::to_string(m.vocab);
  };
  for (const Instance& one : all) {
    EXPECT_TRUE(names.insert(one.name).second) << one.name;
    EXPECT_NO_THROW(one.space()) << one.name;
    if (!learned(one)) continue;
    models.insert(shape(one));
    nodes.insert(one.job.cluster.groups.front().node.name);
    scales.insert(one.job.cluster.ranks());
  }
  for (const Instance& one : all)
    if (!learned(one)) {
      ++held_out;
      EXPECT_FALSE(models.contains(shape(one))) << one.name;
      EXPECT_FALSE(nodes.contains(one.job.cluster.groups.front().node.name)) << one.name;
      EXPECT_FALSE(scales.contains(one.job.cluster.ranks()) && one.job.cluster.ranks() < 512) << one.name;
    }
  EXPECT_GE(held_out, 40U);
}

Instance small_instance() {
  return {
      .name = "small", .tier = Tier::train, .job = parts_of(world(1)), .space_name = std::string(kWideSpace)};
}

TEST(Race, CountsEvaluationsAndNeverGetsSlower) {
  const Instance one = small_instance();
  const Space space = one.space();
  RecordedJudge judge(space, profile(), 1);
  for (const Method& method : methods()) {
    const auto searcher = method.make({space, judge, 5, 30});
    const std::vector<double> best = race(space, judge, *searcher, 30);
    EXPECT_LE(best.size(), 30U) << method.name;
    EXPECT_FALSE(best.empty()) << method.name;
    EXPECT_TRUE(std::ranges::is_sorted(best, std::greater<>())) << method.name;
    const auto again = method.make({space, judge, 5, 30});
    EXPECT_EQ(race(space, judge, *again, 30), best) << method.name;
  }
}

TEST(Bootstrap, IsAnIntervalAroundTheMean) {
  std::vector<double> values;
  for (int i = 0; i < 40; ++i) values.push_back(i % 2);
  const Interval one = bootstrap(values, 1);
  EXPECT_DOUBLE_EQ(one.mean, 0.5);
  // Standard error 0.08: 1.96 of it to each side.
  EXPECT_NEAR(one.low, 0.345, 0.04);
  EXPECT_NEAR(one.high, 0.655, 0.04);
}

TEST(Lessons, AreReadAsTheyWereWrittenAndDamageIsTold) {
  const Lesson lesson = lesson_of(small_instance(), profile(), 40, 1, 1);
  ASSERT_GT(lesson.plans.size(), 10U);
  EXPECT_EQ(lesson.log_steps.size(), lesson.plans.size());
  for (std::size_t i = 0; i < lesson.plans.size(); ++i)
    EXPECT_GE(lesson.log_steps[i], lesson.plans.log_bounds[i] - 1e-5);
  const std::string bytes = to_bytes({lesson, lesson});
  const std::vector<Lesson> read = lessons_of_bytes(bytes, "file");
  ASSERT_EQ(read.size(), 2U);
  EXPECT_EQ(read[1].plans.features, lesson.plans.features);
  EXPECT_EQ(read[1].log_steps, lesson.log_steps);
  for (std::size_t cut = 0; cut < bytes.size(); cut += 1 + bytes.size() / 50) {
    if (cut == bytes.size() / 2) continue;
    try {
      EXPECT_LT(lessons_of_bytes(bytes.substr(0, cut), "file").size(), 2U);  // in between two of them
    } catch (const InputError&) {}
  }
  std::string huge = bytes;
  std::fill_n(huge.begin() + 12 + 8, 8, '\x7f');
  EXPECT_THROW(lessons_of_bytes(huge, "file"), InputError);
}

}  // namespace
}  // namespace ds::tuner
