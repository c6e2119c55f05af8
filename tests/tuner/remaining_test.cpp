// What is left of a search and what it takes in all, as told to those who wait.
#include "tuner/search/remaining.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

#include "simulator/base/random.h"
#include "tests/tuner/worlds.h"
#include "tuner/search/forecast.h"
#include "tuner/space/evaluator.h"

namespace ds::tuner {
namespace {

/// A search as they are: three batches; of each a preparation, then candidates that take ever less, as those before them are
/// remembered, and of which the best found so far closes ever more.
struct Played {
  std::vector<double> told, truly;
};
Played play(std::uint64_t seed) {
  const RandomStream draw(seed, 3);
  std::uint64_t drawn = 0;
  const auto between = [&](double low, double high) {
    return low + (high - low) * static_cast<double>(draw.below(1000, drawn++)) / 1000;
  };
  struct Moment {
    double at;
    std::int64_t candidates, looked_at, open;  // candidates: of a batch that begins, else 0
  };
  std::vector<Moment> moments;
  double now = 0;
  const double usual = between(3000, 20'000), usually = between(0.001, 0.01);
  for (const std::int64_t candidates : {500'000, 500'000, 120'000}) {
    moments.push_back({now, candidates, 0, 0});
    const double scale = static_cast<double>(candidates) / 500'000;
    now += between(1, 10) * scale;
    auto all = static_cast<std::int64_t>(usual * between(0.7, 1.4) * scale);
    const double each = usually * between(0.7, 1.4);
    for (std::int64_t looked_at = 0; looked_at < all; looked_at += 32) {
      moments.push_back({now, 0, looked_at, all - looked_at});
      now += 32 * each * between(0.3, 1.7) * (looked_at < all / 4 ? 2 : 1);
      if (draw.below(60, drawn++) == 0) all -= (all - looked_at) / 10;  // a better one was found
    }
  }
  Remaining remaining;
  Played played;
  std::int64_t asked = 0;
  for (const Moment& moment : moments) {
    if (moment.candidates > 0) {
      if (asked > 0) remaining.end({moment.at});
      asked += moment.candidates;
      remaining.begin(moment.candidates, {moment.at});
    } else {
      remaining.judged(moment.looked_at, moment.open, {moment.at});
    }
    if (const auto left = remaining.left(1'120'000 - asked, {moment.at})) {
      played.told.push_back(left->value);
      played.truly.push_back(now - moment.at);
    }
  }
  return played;
}

void expect_within(double factor, double a, double b) {
  EXPECT_LT(a, factor * b);
  EXPECT_LT(b, factor * a);
}

/// The line of progress takes over a part of each change alone: tests/cli/terminal/progress_line_test.cpp.
TEST(Remaining, IsWithinAFactorOfSixAndDoesNotJump) {
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    const Played played = play(seed);
    ASSERT_GT(played.told.size(), 100U);
    for (std::size_t i = 0; i < played.told.size() && played.truly[i] >= 2; ++i) {
      SCOPED_TRACE(testing::Message() << seed << " at " << i);
      expect_within(6, played.told[i], played.truly[i]);
      if (i > 0) expect_within(4, played.told[i], played.told[i - 1]);
    }
  }
}

TEST(Remaining, NothingIsSaidAsLongAsNobodyKnows) {
  Remaining remaining;
  EXPECT_FALSE(remaining.left(1000, {0}));
  remaining.begin(1000, {1});
  EXPECT_FALSE(remaining.left(0, {5}));
  remaining.judged(0, 500, {6});
  remaining.judged(10, 490, {7});  // too few
  EXPECT_FALSE(remaining.left(0, {7}));
  remaining.judged(100, 50, {16});
  const Seconds left = remaining.left(0, {16}).value_or(Seconds{});
  EXPECT_GT(left, Seconds{1});  // 50 more, of which 100 took 10 s
  EXPECT_LT(left, Seconds{10});
  remaining.end({20});  // 1000 candidates took 19 s
  EXPECT_DOUBLE_EQ(remaining.left(500, {20}).value_or(Seconds{}).value, 9.5);
}

TEST(Forecast, OfASmallSpaceIsNone) {
  const Space space = read_space(parts_of(world(0)), {});
  const cost::Profile profile = cost::rough_profile();
  Evaluator evaluator(space, profile);
  EXPECT_FALSE(forecast(space, evaluator, {}));
}

TEST(Forecast, CountsPlansByASample) {
  const workload::Job job = parts_of(R"({"model": "llama3-8b", "cluster": {"node": "dgx-h100", "nodes": 32},
    "train": {"sequence_length": 2048, "global_batch": 512}})");
  const Space space = read_space(job, {});
  const cost::Profile profile = cost::rough_profile();
  Evaluator evaluator(space, profile);
  const Forecast expected = forecast(space, evaluator, {}).value_or(Forecast{});
  Index plans = 0;
  workload::Job decoded = space.base();
  for (Index i = 0; i < space.size(); ++i) plans += space.decode_into(space.candidate(i), decoded) ? 0 : 1;
  EXPECT_NEAR(static_cast<double>(expected.plans), static_cast<double>(plans),
              0.3 * static_cast<double>(plans));
  EXPECT_GT(expected.time, Seconds{0});
  EXPECT_GT(expected.memory, Bytes{10'000'000});
  const Forecast few = forecast(space, evaluator, {.evals = 1}).value_or(Forecast{});
  EXPECT_LE(few.memory, expected.memory + Bytes{50'000'000});
  EXPECT_FALSE(forecast(space, evaluator, {.enough = [] { return true; }}));
}

}  // namespace
}  // namespace ds::tuner
