// What calibration measures: that it measures at all, and that no job needs an operator that it leaves out.
#include "cli/calibration/calibration.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "executor/calibrate/calibrate.h"
#include "simulator/program/program.h"
#include "tests/support/jobs.h"

namespace ds::executor {
namespace {

using support::Small;
using workload::Precision;

/// The profile of a machine on which every operator of the grid takes a millisecond.
const cost::Profile& calibrated() {
  static const cost::Profile profile = [] {
    std::vector<OperatorTime> times;
    for (const ops::Op& op : calibration_grid()) times.push_back({op, 1e-3, 0.01});
    return cli::profile_of(times, 3);
  }();
  return profile;
}

/// No class of a calibrated machine falls back to a roofline.
void expect_measured(const Small& small) {
  SCOPED_TRACE(support::describe(small));
  const cost::OperatorModel model(calibrated());
  for (const ops::Op& op : program::lower(support::small_job(small)).ops) {
    SCOPED_TRACE(ops::class_name(op));
    EXPECT_EQ(model.time(op).source,
              op.type == DataType::fp32 ? cost::Source::measured : cost::Source::scaled);
  }
}

TEST(CalibrationGrid, HasEveryClassOfEveryKindOfJob) {
  for (Small small : support::small_variants())
    for (const Precision precision : {Precision::fp32, Precision::fp64}) {
      small.precision = precision;
      expect_measured(small);
    }
}

TEST(CalibrationGrid, HasEveryClassOfRandomJobs) {
  EXPECT_TRUE(rc::check("covered", [] {
    Small small = *rc::gen::elementOf(support::small_variants());
    small.layers = *rc::gen::inRange(1, 4);
    small.kv_heads = *rc::gen::inRange(1, 4);
    small.heads = small.kv_heads * *rc::gen::inRange(1, 4);
    small.hidden = small.heads * 2 * *rc::gen::inRange(1, 40);
    small.ffn = *rc::gen::inRange(1, 300);
    small.vocab = *rc::gen::inRange(2, 1000);
    small.sequence = *rc::gen::inRange(1, 300);
    small.micro_batch = *rc::gen::inRange(1, 5);
    small.micro_batches = *rc::gen::inRange(1, 5);
    small.precision = *rc::gen::element(Precision::fp32, Precision::fp64);
    expect_measured(small);
    RC_ASSERT(!testing::Test::HasFailure());
  }));
}

TEST(CalibrationGrid, NamesNoOperatorTwice) {
  const std::vector<ops::Op> grid = calibration_grid();
  for (std::size_t i = 0; i < grid.size(); ++i)
    for (std::size_t k = 0; k < i; ++k) EXPECT_FALSE(grid[i] == grid[k]) << ops::class_name(grid[i]);
}

/// One small operator of every class of the grid.
std::vector<ops::Op> one_of_each_class() {
  std::vector<ops::Op> list;
  std::set<std::string> seen;
  for (const ops::Op& op : calibration_grid())
    if (seen.insert(ops::class_name(op)).second) list.push_back(op);
  return list;
}

TEST(MeasureOperators, TimesEveryClassInBothTypes) {
  std::vector<ops::Op> list = one_of_each_class();
  const std::size_t classes = list.size();
  for (std::size_t i = 0; i < classes; ++i) {
    list.push_back(list[i]);
    list.back().type = DataType::fp64;
  }
  const std::vector<OperatorTime> times = measure_operators(list, {.rounds = 3});
  ASSERT_EQ(times.size(), list.size());
  for (std::size_t i = 0; i < list.size(); ++i) {
    SCOPED_TRACE(ops::class_name(list[i]));
    EXPECT_TRUE(times[i].op == list[i]);
    EXPECT_GT(times[i].seconds, 1e-9);
    EXPECT_LT(times[i].seconds, 1);
    EXPECT_TRUE(std::isfinite(times[i].sigma));
    EXPECT_GE(times[i].sigma, 0);
  }
}

/// 64 times the multiplications take more than 8 times as long on whatever machine.
TEST(MeasureOperators, SeesThatMoreWorkTakesLonger) {
  const ops::Op small{ops::Linear{64, 64, 64, false}}, large{ops::Linear{256, 256, 256, false}};
  const std::vector<OperatorTime> times = measure_operators({small, large}, {.rounds = 5});
  EXPECT_GT(times[1].seconds, 8 * times[0].seconds);
}

TEST(MeasureOperators, ReportsProgressThatOnlyGrowsAndEndsAtOne) {
  std::vector<double> seen;
  const auto report = [&](double done, std::string_view) { seen.push_back(done); };
  const std::vector<ops::Op> list = {{ops::Add{8, 8}}, {ops::Gelu{8, 8}}};
  measure_operators(list, {.rounds = 3, .progress = report});
  ASSERT_EQ(seen.size(), list.size() * (1 + 3));  // one round warms up
  EXPECT_TRUE(std::ranges::is_sorted(seen));
  EXPECT_GT(seen.front(), 0);
  EXPECT_NEAR(seen.back(), 1, 1e-12);
}

TEST(MeasureOperators, GivesNothingWhenItIsStopped) {
  StopToken stop;
  int told = 0;
  const auto stop_soon = [&](double, std::string_view) {
    if (++told == 3) stop.signal = 2;
  };
  const std::vector<ops::Op> list = {{ops::Add{8, 8}}, {ops::Gelu{8, 8}}};
  EXPECT_TRUE(measure_operators(list, {.rounds = 3, .progress = stop_soon, .stop = &stop}).empty());
  EXPECT_EQ(told, 3);
}

}  // namespace
}  // namespace ds::executor
