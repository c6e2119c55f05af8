// Daly's closed form: against its own limits, against a run that is played failure by failure, and its laws over random jobs.
#include "simulator/run/failures.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <random>
#include <vector>

namespace ds::run {
namespace {

constexpr double kInfinite = std::numeric_limits<double>::infinity();

/// Exponential, by inversion: the same numbers with every library.
class Dice {
 public:
  explicit Dice(std::uint64_t seed) : bits_(seed) {}
  double below_one() { return static_cast<double>(bits_() >> 11U) * 0x1p-53; }
  double exponential(double mean) { return -mean * std::log1p(-below_one()); }
  /// Every power of ten alike.
  double log_uniform(double low, double high) { return low * std::pow(high / low, below_one()); }

 private:
  std::mt19937_64 bits_;
};

Failures with(double between, double write, std::optional<double> interval, double restart, bool can_fail) {
  Saving saving{.write = {write}, .interval = {}};
  if (interval) saving.interval = Seconds{*interval};
  return {.between = {between}, .restart = {restart}, .restart_can_fail = can_fail, .saving = saving};
}

Failures drawn(Dice& dice) {
  const double between = dice.log_uniform(1e2, 1e7);
  Failures f = with(between, between * dice.log_uniform(1e-5, 1), between * dice.log_uniform(1e-4, 3),
                    between * dice.log_uniform(1e-4, 1), dice.below_one() < 0.5);
  if (dice.below_one() < 0.3) f.saving->interval.reset();
  return f;
}

/// Written as in the paper.
double of_the_paper(const Failures& f, double t) {
  const double m = f.between.value, segment = std::exp((t + f.saving->write.value) / m) - 1;
  const double wall =
      f.restart_can_fail ? std::exp(f.restart.value / m) * m * segment : (m + f.restart.value) * segment;
  return t / wall;
}

TEST(Failures, NodesStandInSeriesAndOtherCausesAreAdded) {
  // Of 2048 nodes 13.3 fail a day (Kokolis et al. 2025: 1.8 h); 512 x 0.005 + 0.5 = 3.06 a day.
  EXPECT_NEAR(between_failures(2048, 0.0065, 0).value / 3600, 1.803, 5e-4);
  EXPECT_NEAR(between_failures(512, 0.005, 0.5).value, 86400 / 3.06, 1e-9);
  EXPECT_EQ(between_failures(512, 0, 0).value, kInfinite);
}

TEST(Failures, GoodputIsThatOfThePaper) {
  Dice dice(1);
  for (int i = 0; i < 1000; ++i) {
    const Failures f = drawn(dice);
    const double t = interval_of(f)->value;
    EXPECT_NEAR(goodput(f), of_the_paper(f, t), 1e-9 * of_the_paper(f, t)) << i;
  }
}

TEST(Failures, WithoutSavesRestartsAloneTakeTime) {
  const Failures safe{.between = {900}, .restart = {100}, .restart_can_fail = false, .saving = {}};
  EXPECT_NEAR(goodput(safe), 0.9, 1e-15);
  const Failures unsafe{.between = {900}, .restart = {100}, .restart_can_fail = true, .saving = {}};
  EXPECT_NEAR(goodput(unsafe), std::exp(-1.0 / 9), 1e-15);
  EXPECT_EQ(lost_per_failure(safe).value, 0);
}

/// Saves that cost nothing are made all the time.
TEST(Failures, FreeSavesLoseNothing) {
  const Failures f = with(900, 0, std::nullopt, 100, false);
  EXPECT_EQ(best_interval({900}, {0}).value, 0);
  EXPECT_NEAR(goodput(f), 0.9, 1e-15);
  EXPECT_EQ(lost_per_failure(f).value, 0);
}

TEST(Failures, WhereNothingFailsOnlySavesTakeTime) {
  EXPECT_NEAR(goodput(with(kInfinite, 10, 90, 100, true)), 0.9, 1e-15);
  EXPECT_EQ(goodput(with(kInfinite, 10, std::nullopt, 100, true)), 1);
  EXPECT_EQ(best_interval({kInfinite}, {10}).value, kInfinite);
  EXPECT_EQ(failures_in(with(kInfinite, 10, 90, 100, false), {1e9}), 0);
}

TEST(Failures, NoIntervalBeatsTheBestOne) {
  Dice dice(2);
  for (int i = 0; i < 300; ++i) {
    Failures f = drawn(dice);
    const double best = best_interval(f.between, f.saving->write).value;
    f.saving->interval.reset();
    const double most = goodput(f);
    for (const double factor : {1e-3, 0.1, 0.5, 0.9, 0.999, 1.001, 1.1, 2.0, 10.0}) {
      f.saving->interval = Seconds{best * factor};
      EXPECT_LE(goodput(f), most * (1 + 1e-12)) << i << ' ' << factor;
    }
  }
}

/// For saves that are short beside the time between failures it is Young's sqrt(2 C M), whatever the ratio; for long ones it is M.
TEST(Failures, TheBestIntervalHasItsLimits) {
  for (const double c : {1e-300, 1e-100, 1e-30, 1e-18, 1e-12, 1e-8}) {
    const double young = std::sqrt(2 * c);
    EXPECT_NEAR(best_interval({1}, {c}).value / young, 1, young) << c;
  }
  for (const double c : {50.0, 1e3, 1e300}) EXPECT_NEAR(best_interval({1}, {c}).value, 1, 1e-12) << c;
  // Daly's own series: sqrt(2CM) (1 + sqrt(C/2M)/3 + C/2M/9) - C.
  const double c = 1e-4;
  const double daly = std::sqrt(2 * c) * (1 + std::sqrt(c / 2) / 3 + c / 18) - c;
  EXPECT_NEAR(best_interval({1}, {c}).value / daly, 1, 1e-6);
}

TEST(Failures, SharesOfTheTimeAddUp) {
  Dice dice(3);
  for (int i = 0; i < 1000; ++i) {
    const Failures f = drawn(dice);
    const Shares s = shares(f);
    for (const double share : {s.useful, s.again, s.saving, s.restarting}) {
      EXPECT_GE(share, 0) << i;
      EXPECT_LE(share, 1) << i;
    }
    EXPECT_NEAR(s.useful + s.again + s.saving + s.restarting, 1, 1e-12) << i;
    EXPECT_EQ(s.useful, goodput(f));
    // Every interval that ends has been saved once.
    EXPECT_GE(s.saving, s.useful * (f.saving->write / *interval_of(f)) * (1 - 1e-9) - 1e-15) << i;
  }
}

TEST(Failures, WhatIsWorseNeverRaisesGoodput) {
  Dice dice(4);
  for (int i = 0; i < 1000; ++i) {
    const Failures f = drawn(dice);
    const double longer = 1 + dice.log_uniform(1e-3, 10);
    Failures slower_saves = f, slower_restarts = f, more_failures = f;
    slower_saves.saving->write.value *= longer;
    slower_restarts.restart.value *= longer;
    more_failures.between.value /= longer;
    for (const Failures& worse : {slower_saves, slower_restarts, more_failures}) {
      EXPECT_LE(goodput(worse), goodput(f) * (1 + 1e-12)) << i;
      EXPECT_GE(elapsed(worse, {1e6}).value_or(Seconds{kInfinite}),
                Seconds{elapsed(f, {1e6})->value * (1 - 1e-12)})
          << i;
    }
    Failures safer = f;
    safer.restart_can_fail = false;
    EXPECT_GE(goodput(safer), goodput(f) * (1 - 1e-12)) << i;
  }
}

/// A failure loses half an interval where failures are seldom, all of it where it nearly always strikes a save, and the whole
/// time since the last failure where no interval ever ends.
TEST(Failures, LostWorkHasItsLimits) {
  for (const double between : {1e6, 1e12, 1e300, kInfinite})
    EXPECT_NEAR(lost_per_failure(with(between, 0, 100, 0, false)).value, 50, 50 * 100 / between + 1e-6);
  EXPECT_NEAR(lost_per_failure(with(1e9, 1e6, 1, 0, false)).value, 1, 1e-3);
  EXPECT_NEAR(lost_per_failure(with(1, 0, 1e3, 0, false)).value, 1, 1e-12);
  // By hand: M - t / (e^(t/M) - 1) for saves without cost.
  EXPECT_NEAR(lost_per_failure(with(1000, 0, 500, 0, false)).value, 1000 - 500 / std::expm1(0.5), 1e-9);
}

/// What no double can hold is an answer, and never a wrong number.
TEST(Failures, ARunThatNeverEndsSaysSo) {
  for (const Failures& f : {with(1, 10, 1e4, 0, false), with(1, 1e4, std::nullopt, 0, false),
                            with(1e-300, 1e9, 1e9, 1e9, true), with(1, 1, 1, 1e4, true)}) {
    EXPECT_EQ(goodput(f), 0);
    EXPECT_FALSE(elapsed(f, {1}));
    EXPECT_FALSE(std::isnan(lost_per_failure(f).value));
    EXPECT_NEAR(shares(f).again + shares(f).saving + shares(f).restarting, 1, 1e-12);
  }
}

TEST(Failures, APeriodOfALogHoldsItsStalls) {
  // 1 - 360/3600, as nothing is lost and saves cost nothing.
  EXPECT_NEAR(goodput(failures_of_period({3600}, {360}, std::nullopt)), 0.9, 1e-15);
  // Seldom failures: less half an interval a period, and of the rest what saves take.
  const Saving saving{.write = {1}, .interval = Seconds{100}};
  EXPECT_NEAR(goodput(failures_of_period({1e6}, {300}, saving)), (1 - 350.0 / 1e6) * 100 / 101, 1e-6);
  EXPECT_EQ(goodput(failures_of_period({300}, {300}, std::nullopt)), 0);
  const Failures f = failures_of_period({5000}, {700}, saving);
  EXPECT_NEAR(failures_in(f, {5e6}), 1000, 1e-9);
}

/// Wall time until so much useful work is saved, by the law that profiles/measured/reliability.json states.
double played(const Failures& f, double interval, int intervals, Dice& dice) {
  double wall = 0, until_failure = dice.exponential(f.between.value);
  const auto restart = [&] {
    for (;;) {
      until_failure = dice.exponential(f.between.value);
      if (!f.restart_can_fail) break;
      if (until_failure > f.restart.value) {
        until_failure -= f.restart.value;
        break;
      }
      wall += until_failure;
    }
    wall += f.restart.value;
  };
  const double segment = interval + f.saving->write.value;
  for (int i = 0; i < intervals; ++i) {
    while (until_failure < segment) {
      wall += until_failure;
      restart();
    }
    until_failure -= segment;
    wall += segment;
  }
  return wall;
}

/// Of equal runs the mean wall time lies within 2.58 standard errors in 99 of 100 drawings.
TEST(Failures, AMonteCarloContainsTheClosedForm) {
  struct Daly {
    double between, write, restart;
    std::optional<double> interval;
    bool can_fail;
  };
  constexpr double kSigmas = 2.576;
  constexpr int kRuns = 2000, kIntervals = 1000;
  Dice dice(5);
  for (const Daly& d :
       {Daly{10000, 20, 300, {}, true}, Daly{10000, 60, 300, {}, true}, Daly{3600, 60, 300, {}, true},
        Daly{86400, 120, 600, {}, true}, Daly{10000, 60, 300, 1800, true}, Daly{10000, 60, 300, 1800, false},
        Daly{1000, 200, 900, 700, true}, Daly{1000, 200, 900, 700, false}}) {
    const Failures f = with(d.between, d.write, d.interval, d.restart, d.can_fail);
    const double interval = interval_of(f)->value;
    double sum = 0, squares = 0;
    for (int run = 0; run < kRuns; ++run) {
      const double wall = played(f, interval, kIntervals, dice);
      sum += wall;
      squares += wall * wall;
    }
    const double mean = sum / kRuns;
    const double error = std::sqrt((squares / kRuns - mean * mean) / kRuns);
    const double predicted = elapsed(f, {interval * kIntervals})->value;
    EXPECT_LT(error, 0.01 * mean) << d.between;
    EXPECT_NEAR(predicted, mean, kSigmas * error) << d.between << ' ' << d.write << ' ' << d.can_fail;
  }
}

}  // namespace
}  // namespace ds::run
