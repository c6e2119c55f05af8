#include <gtest/gtest.h>

#include <limits>

#include "cli/terminal/terminal.h"

namespace ds::terminal {
namespace {

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
constexpr double kInfinite = std::numeric_limits<double>::infinity();

TEST(Numbers, BytesCountInPowersOfTen) {
  EXPECT_EQ(bytes({0}), "0 B");
  EXPECT_EQ(bytes({999}), "999 B");
  EXPECT_EQ(bytes({12'345'678}), "12.3 MB");
  EXPECT_EQ(bytes({80'000'000'000}), "80.0 GB");
  EXPECT_EQ(bytes({-1500}), "-1.50 kB");
}

TEST(Numbers, WhatRoundsUpToTheNextPrefixIsShownInIt) {
  EXPECT_EQ(bytes({999'499}), "999 kB");
  EXPECT_EQ(bytes({999'600}), "1.00 MB");
  EXPECT_EQ(duration({0.9996}), "1.00 s");
  EXPECT_EQ(duration({59.97}), "1 min 00 s");
}

TEST(Numbers, ExactNumbersHaveThousandsSeparators) {
  EXPECT_EQ(exact(0), "0");
  EXPECT_EQ(exact(999), "999");
  EXPECT_EQ(exact(41'943'040), "41,943,040");
  EXPECT_EQ(exact(-100'000), "-100,000");
  EXPECT_EQ(exact(std::numeric_limits<std::int64_t>::min()), "-9,223,372,036,854,775,808");
}

TEST(Numbers, DurationsPickTheUnitThatPeopleWouldSay) {
  EXPECT_EQ(duration({0}), "0 s");
  EXPECT_EQ(duration({2.5e-9}), "2.50 ns");
  EXPECT_EQ(duration({12.3e-6}), "12.3 µs");
  EXPECT_EQ(duration({0.113}), "113 ms");
  EXPECT_EQ(duration({1.284}), "1.28 s");
  EXPECT_EQ(duration({125.2}), "2 min 05 s");
  EXPECT_EQ(duration({3599.9}), "1 h 00 min");
  EXPECT_EQ(duration({3720}), "1 h 02 min");
  EXPECT_EQ(duration({12 * 86400 + 4 * 3600.0}), "12 d 04 h");
  EXPECT_EQ(duration({-0.113}), "-113 ms");
  EXPECT_EQ(duration({kInfinite}), "for ever");
}

TEST(Numbers, SecondsInAColumnKeepOneUnit) {
  EXPECT_EQ(in_unit_of({0.1284}, {0.1284}), "0.128 s");
  EXPECT_EQ(in_unit_of({0.1284}, {1.284}), "1.28 s");
  EXPECT_EQ(in_unit_of({0.1284}, {128.4}), "128 s");
  EXPECT_EQ(in_unit_of({0.00149}, {0.00149}), "1.49 ms");
  EXPECT_EQ(in_unit_of({0.00149}, {0.12}), "120 ms");
  EXPECT_EQ(in_unit_of({0.00149}, {2.5}), "2,500 ms");
  EXPECT_EQ(in_unit_of({9e-5}, {9.4e-5}), "94.0 µs");
}

TEST(Numbers, RatesNameWhatFlows) {
  EXPECT_EQ(rate(BytesPerSecond{25e9}), "25.0 GB/s");
  EXPECT_EQ(rate(FlopsPerSecond{312e12}), "312 TFLOP/s");
  EXPECT_EQ(rate(7412.3, "tokens"), "7,412 tokens/s");
  EXPECT_EQ(rate(0.5, "steps"), "0.50 steps/s");
}

TEST(Numbers, PercentagesCarryASignWhenTheyAreDifferences) {
  EXPECT_EQ(percent(0.4151), "41.5 %");
  EXPECT_EQ(signed_percent(0.0352), "+3.5 %");
  EXPECT_EQ(signed_percent(-0.12), "-12.0 %");
  EXPECT_EQ(signed_percent(-0.0001), "+0.0 %");
}

TEST(Numbers, MoneyHasCentsOnlyWhereTheyMatter) {
  EXPECT_EQ(money(1.5), "$1.50");
  EXPECT_EQ(money(1'234'567.4), "$1,234,567");
  EXPECT_EQ(money(-20), "-$20.00");
}

TEST(Numbers, AMissingValueIsSaidToBeMissing) {
  EXPECT_EQ(duration({kNan}), "n/a");
  EXPECT_EQ(in_unit_of({1}, {kNan}), "n/a");
  EXPECT_EQ(percent(kNan), "n/a");
  EXPECT_EQ(signed_percent(kNan), "n/a");
  EXPECT_EQ(rate(BytesPerSecond{kNan}), "n/a");
  EXPECT_EQ(rate(kNan, "tokens"), "n/a");
  EXPECT_EQ(money(kNan), "n/a");
}

TEST(Numbers, ErrorsAreColouredBySize) {
  EXPECT_EQ(error_cell(-0.05).hue, Hue::green);
  EXPECT_EQ(error_cell(0.08).hue, Hue::yellow);
  EXPECT_EQ(error_cell(-0.3).hue, Hue::red);
  EXPECT_EQ(error_cell(kNan).text, "n/a");
}

}  // namespace
}  // namespace ds::terminal
