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

/// Of a set in which somebody says by how much equal runs differ; nothing is said of others.
TEST(Summary, SaysHowMuchEqualRunsDiffer) {
  std::vector<Row> rows{row("x", "A", 0.1), row("x", "A", 0.2), row("x", "A", 0.3), row("y", "A", 0.1)};
  rows[0].noise = 0.01;
  rows[1].noise = 0.03;
  const MetricSummary of_step = summarise(rows).metrics.at("step_time_s");
  EXPECT_NEAR(of_step.by_set.at("x").noise.value_or(-1), 0.02, 1e-12);
  EXPECT_FALSE(of_step.by_set.at("y").noise);
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

TEST(ReadCases, RefusesFilesThatAreNoListOfCases) {
  EXPECT_NE(refusal("{\"cases\": []}").find("cases.json"), std::string::npos);
  EXPECT_NE(refusal("[]").find("cases.json"), std::string::npos);
  EXPECT_NE(refusal("[1, null]").find("cases.json: [0]: is 1, must be an object"), std::string::npos);
}

Case read_one(const std::string& text) { return read_cases(parse_document(text, "cases.json")).front(); }

/// What can be read is there all the same, to be shown with the fault.
TEST(ReadCases, SaysWhatIsWrongWhereAndReadsTheRest) {
  const Case distrusted = read_one(R"([{"id": "a", "set": "s", "trust": "D", "source": "x", "job": {},
                                        "measured": {"mfu": 0.5}}])");
  EXPECT_NE(distrusted.fault.find("cases.json: [0].trust"), std::string::npos) << distrusted.fault;
  EXPECT_EQ(distrusted.id, "a");
  EXPECT_EQ(distrusted.measured.at("mfu").value, 0.5);
  const Case nameless = read_one(R"([{"set": "s", "trust": "A", "source": "x", "job": {}, "measured": {}}])");
  EXPECT_EQ(nameless.id, "[0]");
  EXPECT_NE(nameless.fault.find("[0].id"), std::string::npos) << nameless.fault;
}

TEST(ReadCases, AFigureThatIsNoneHidesNoOther) {
  const Case one = read_one(R"([{"id": "a", "set": "s", "trust": "A", "source": "x", "job": {},
                                 "measured": {"step_time_s": 0, "mfu": null, "speed": 1, "fits": true}}])");
  EXPECT_EQ(one.fault, "");
  for (const char* metric : {"step_time_s", "mfu", "speed"}) {
    EXPECT_FALSE(one.measured.at(metric).value) << metric;
    EXPECT_NE(one.measured.at(metric).fault.find(std::string("[0].measured.") + metric), std::string::npos);
  }
  EXPECT_EQ(one.measured.at("fits").value, 1);
}

}  // namespace
}  // namespace ds::cli
