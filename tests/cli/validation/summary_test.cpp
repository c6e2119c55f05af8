// How errors are added up, and which files are refused.
#include <gtest/gtest.h>

#include "cli/validation/validation.h"
#include "simulator/base/error.h"

namespace ds::cli {
namespace {

Row row(const std::string& set, const std::string& trust, double error) {
  return {.id = set + trust,
          .set = set,
          .trust = trust,
          .metric = "step_time_s",
          .measured = 1,
          .predicted = 1 + error,
          .low = (1 + error) * 0.9,
          .high = (1 + error) * 1.1,
          .error = error,
          .message = ""};
}

TEST(Summary, GivesEachSetTheSameWeight) {
  // Set x: 10 and 30 %; set y: 40 %. Over rows 80 / 3, over sets (20 + 40) / 2.
  const Summary s = summarise({row("x", "A", 0.1), row("x", "A", -0.3), row("y", "A", 0.4)});
  const Score& all = s.metrics.at("step_time_s").all;
  EXPECT_EQ(all.count, 3);
  EXPECT_NEAR(all.mean, 0.8 / 3, 1e-12);
  EXPECT_NEAR(all.mean_over_sets.value_or(-1), 0.3, 1e-12);
  EXPECT_NEAR(all.median, 0.3, 1e-12);
  EXPECT_NEAR(all.max, 0.4, 1e-12);
  EXPECT_NEAR(s.metrics.at("step_time_s").by_set.at("x").mean, 0.2, 1e-12);
}

TEST(Summary, LeavesRangeChecksOutOfTheMeanOfAll) {
  const Summary s = summarise({row("x", "A", 0.1), row("x", "C", 0.9)});
  const MetricSummary& m = s.metrics.at("step_time_s");
  EXPECT_NEAR(m.all.mean, 0.1, 1e-12);
  EXPECT_NEAR(m.by_trust.at("C").mean, 0.9, 1e-12);
}

TEST(Summary, CountsHowOftenTheTruthLayInTheInterval) {
  // Intervals of 10 % around 1.05 and 1.3; the truth is 1.
  const Summary s = summarise({row("x", "A", 0.05), row("x", "A", 0.3)});
  EXPECT_NEAR(s.metrics.at("step_time_s").all.inside_interval.value_or(-1), 0.5, 1e-12);
}

TEST(Summary, TheHighestOfTwentyIsBeyondThe95thPercentile) {
  std::vector<Row> rows;
  for (int i = 1; i <= 20; ++i) rows.push_back(row("x", "A", i / 100.0));
  EXPECT_NEAR(summarise(rows).metrics.at("step_time_s").all.p95, 0.19, 1e-12);
}

TEST(Summary, WhatWasNotPredictedHasFailedAndIsInNoMean) {
  Row failed = row("y", "A", 0);
  failed.error.reset();
  failed.predicted.reset();
  failed.failed = true;
  const std::vector<Row> rows{row("x", "A", 0.1), failed};
  const Summary s = summarise(rows);
  EXPECT_EQ(s.failed, 1);
  EXPECT_EQ(failed_cases(rows), 1U);
  EXPECT_EQ(s.metrics.at("step_time_s").all.count, 1);
}

std::string refusal(const std::string& text) {
  try {
    read_cases(parse_document(text, "cases.json"));
  } catch (const InputError& error) {
    return error.what();
  }
  return "";
}

TEST(ReadCases, SaysWhatIsWrongWhere) {
  EXPECT_NE(refusal("{\"collectives\": []}").find("not validated yet"), std::string::npos);
  EXPECT_NE(refusal("[]").find("cases.json"), std::string::npos);
  EXPECT_NE(refusal(R"([{"id": "a", "set": "s", "trust": "D", "source": "x", "job": {}, "measured": {}}])")
                .find("[0].trust"),
            std::string::npos);
  EXPECT_NE(refusal(R"([{"id": "a", "set": "s", "trust": "A", "source": "x", "job": {},
                         "measured": {"step_time_s": 0}}])")
                .find("[0].measured.step_time_s"),
            std::string::npos);
}

}  // namespace
}  // namespace ds::cli
