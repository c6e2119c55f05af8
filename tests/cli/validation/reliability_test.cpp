// Cases of reliability: every form of tolerance, what is wrong with a case and where, and the open cases.
#include "cli/validation/reliability.h"

#include <gtest/gtest.h>

#include <cmath>

#include "cli/validation/poisson.h"
#include "simulator/base/error.h"

namespace ds::cli {
namespace {

Row row_of(const std::string& one) {
  const std::string text = "{\"cases\": [" + one + "]}";
  return judge(read_reliability_cases(parse_document(text, "cases.json")).front());
}

/// 10000 s between failures, saves of 60 s every 1800 s, restarts of 300 s that can fail: goodput 0.8545 (Daly's model).
Row row_with(const std::string& expected, const std::string& tolerance, const std::string& more = "") {
  return row_of(R"({"id": "a", "question": "ettr", "inputs": {"mtbf_s": 10000, "checkpoint_write_s": 60,
                    "checkpoint_interval_s": 1800, "restart_s": 300, "restart_can_fail": true}, "expected": {"ettr": )" +
                expected + "}, \"tolerance\": " + tolerance + more + "}");
}

TEST(Reliability, EveryToleranceLetsPassWhatItSays) {
  EXPECT_FALSE(row_with("0.86", R"({"relative": 0.01})").failed);
  EXPECT_TRUE(row_with("0.86", R"({"relative": 0.005})").failed);
  EXPECT_FALSE(row_with("0.86", R"({"absolute": 0.006})").failed);
  EXPECT_TRUE(row_with("0.86", R"({"absolute": 0.005})").failed);
  EXPECT_FALSE(row_with(R"({"min": 0.85})", "{}").failed);
  EXPECT_TRUE(row_with(R"({"min": 0.86})", "{}").failed);
  EXPECT_FALSE(row_with(R"({"max": 0.86})", "{}").failed);
  EXPECT_TRUE(row_with(R"({"max": 0.85})", "{}").failed);
  EXPECT_FALSE(row_with(R"({"min": 0.85, "max": 0.86})", "{}").failed);
}

/// Of 3.2 hours between failures: 258.8 to 718.8 failures in 54 days.
Row counted(const std::string& count, const std::string& tolerance,
            const std::string& rate = "[0.00234, 0.0065]") {
  return row_of(R"({"id": "a", "question": "interruptions", "inputs": {"gpus": 16384, "gpus_per_node": 8,
                    "failures_per_node_day": )" +
                rate + R"(, "days": 54}, "expected": {"count": )" + count + "}, \"tolerance\": " + tolerance +
                "}");
}

TEST(Reliability, AnIntervalHasToBeThePublishedOneAndHoldTheFigure) {
  const Row good = counted("419", R"({"interval": [258.785, 718.848], "relative": 0.01})");
  EXPECT_FALSE(good.failed) << good.message;
  EXPECT_NEAR(good.low.value_or(0), 258.785, 1e-3);
  EXPECT_NEAR(good.high.value_or(0), 718.848, 1e-3);
  EXPECT_TRUE(counted("800", R"({"interval": [258.785, 718.848], "relative": 0.01})").failed);
  EXPECT_TRUE(counted("419", R"({"interval": [258.785, 800], "relative": 0.01})").failed);
  EXPECT_TRUE(counted("419", R"({"interval": [200, 718.848], "relative": 0.01})").failed);
}

/// The whole interval is on the right side of a bound, or near to the figure, not its middle.
TEST(Reliability, RangesPassWithBothEnds) {
  EXPECT_FALSE(counted(R"({"min": 258})", "{}").failed);
  EXPECT_TRUE(counted(R"({"min": 300})", "{}").failed);
  EXPECT_TRUE(counted("489", R"({"relative": 0.1})").failed);
  EXPECT_FALSE(counted("489", R"({"relative": 0.48})").failed);
}

TEST(Reliability, CountsScatterAsChanceHasIt) {
  // Mean 8.108: the central 95 % are 3 to 14.
  const std::string rate = "0.00007331";
  for (const auto& [count, failed] : {std::pair{"2", true}, {"3", false}, {"14", false}, {"15", true}})
    EXPECT_EQ(counted(count, R"({"poisson": 0.95})", rate).failed, failed) << count;
  // From the lower bound of the low end to the upper one of the high end.
  EXPECT_FALSE(counted("228", R"({"poisson": 0.95})").failed);
  EXPECT_TRUE(counted("220", R"({"poisson": 0.95})").failed);
  EXPECT_FALSE(counted("770", R"({"poisson": 0.95})").failed);
  EXPECT_TRUE(counted("775", R"({"poisson": 0.95})").failed);
}

TEST(Poisson, QuantilesAreThoseOfItsTerms) {
  for (const double mean : {0.01, 0.7, 3.0, 8.108, 40.0})
    for (const double p : {0.001, 0.025, 0.3, 0.5, 0.975, 0.9999}) {
      double term = std::exp(-mean), sum = term;
      int count = 0;
      while (sum < p) sum += term *= mean / ++count;
      EXPECT_EQ(poisson_quantile(mean, p), count) << mean << ' ' << p;
    }
  EXPECT_EQ(poisson_quantile(0, 0.9), 0);
  // Of large means the distribution is normal.
  for (const double mean : {1e6, 1e9, 1e12})
    EXPECT_NEAR((poisson_quantile(mean, 0.975) - mean) / std::sqrt(mean), 1.96, 0.002) << mean;
  EXPECT_NEAR(poisson_quantile(1e300, 0.975) / 1e300, 1, 1e-9);
}

TEST(Reliability, AKnownMissIsListedWithItsReason) {
  const Row miss = row_with("0.5", R"({"expected_miss": true})", R"(, "note": "People stop jobs, too.")");
  EXPECT_FALSE(miss.failed);
  EXPECT_TRUE(miss.known_miss);
  EXPECT_EQ(miss.message, "known miss: People stop jobs, too.");
  EXPECT_NEAR(miss.error.value_or(0), 0.709, 1e-3);
  const Row hit = row_with("0.8", R"({"expected_miss": true})");
  EXPECT_TRUE(hit.failed);
  EXPECT_FALSE(hit.known_miss);
}

TEST(Reliability, ContextIsShownAndNeverScored) {
  const Row far = row_with("0.1", "{}", R"(, "context": true, "note": "why")");
  EXPECT_FALSE(far.failed);
  EXPECT_TRUE(far.context);
  EXPECT_EQ(far.message, "not scored: why");
  EXPECT_TRUE(far.predicted && far.error);
  const Row silent = row_of(
      R"({"id": "a", "question": "ettr", "inputs": {"gpus": 8}, "expected": {"ettr": 1}, "context": true})");
  EXPECT_FALSE(silent.failed);
  EXPECT_NE(silent.message.find("cases[0].inputs.failures_per_node_day: is missing"), std::string::npos);
  // Neither is in any mean.
  EXPECT_TRUE(summarise({far, silent}).metrics.empty());
}

/// Each is listed as failed, and says where and why.
TEST(Reliability, WhatCannotBeReadSaysWhere) {
  const auto message = [](const std::string& inputs,
                          const std::string& rest =
                              R"("expected": {"ettr": 1}, "tolerance": {"relative": 1})") {
    const Row row = row_of(R"({"id": "a", "question": "ettr", "inputs": )" + inputs + ", " + rest + "}");
    EXPECT_TRUE(row.failed) << inputs << rest;
    return row.message;
  };
  for (const auto& [inputs, part] : {
           std::pair{R"({"mtbf_s": -1})", "cases[0].inputs.mtbf_s: is -1"},
           {R"({"mtbf_s": 0})", "cases[0].inputs.mtbf_s: is 0"},
           {R"({"mtbf_s": 1e300})", "cases[0].inputs.mtbf_s: is 1e+300"},
           {R"({"mtbf_s": "10000"})", "cases[0].inputs.mtbf_s: is"},
           {R"({"mtbf_s": null})", "cases[0].inputs.mtbf_s: is null"},
           {R"({"mtbf_s": {}})", "cases[0].inputs.mtbf_s: is"},
           {R"({"mtbf_s": [1, 2, 3]})", "cases[0].inputs.mtbf_s: is"},
           {R"({"mtbf_s": [2, 1]})", "from the lower to the higher end"},
           {R"({"mtbf_s": [1, [2]]})", "cases[0].inputs.mtbf_s[1]: is"},
           {R"({"mtbf_s": [1, true]})", "cases[0].inputs.mtbf_s[1]: is true"},
           {R"({"mtbf": 5})", "cases[0].inputs.mtbf: unknown key; did you mean cases[0].inputs.mtbf_s?"},
           {R"({"mtbf_s": 5, "restart_can_fail": 1})", "cases[0].inputs.restart_can_fail: is 1"},
           {R"({"mtbf_s": 5, "checkpoint_interval_s": 0})", "cases[0].inputs.checkpoint_interval_s: is 0"},
           {R"({"mtbf_s": 5, "checkpoint_interval_s": "best"})", "cases[0].inputs.checkpoint_interval_s: is"},
           {R"({"mtbf_s": 5, "checkpoint_interval_s": "optimum"})",
            "cases[0].inputs.checkpoint_write_s: is missing"},
           {R"({"gpus": 8.5, "gpus_per_node": 8, "failures_per_node_day": 1})",
            "cases[0].inputs.gpus: is 8.5"},
           {R"({"gpus": 8, "gpus_per_node": 0, "failures_per_node_day": 1})",
            "cases[0].inputs.gpus_per_node: is 0"},
           {R"({"mtbf_s": 5, "failure_period_s": 5})",
            "cases[0].inputs.mtbf_s: stands beside failure_period_s"},
           {"{}", "cases[0].inputs.failures_per_node_day: is missing"},
           {"[]", "cases[0].inputs: is"},
           {"7", "cases[0].inputs: is 7"},
       })
    EXPECT_NE(message(inputs).find(part), std::string::npos) << message(inputs);
  const std::string good = R"({"mtbf_s": 5})";
  for (const auto& [rest, part] : {
           std::pair{R"("tolerance": {"relative": 1})", "cases[0].expected: is missing"},
           {R"("expected": {"count": 1}, "tolerance": {"relative": 1})",
            "cases[0].expected.count: unknown key"},
           {R"("expected": {"ettr": "1"}, "tolerance": {"relative": 1})", "cases[0].expected.ettr: is"},
           {R"("expected": {"ettr": {}}, "tolerance": {})", "cases[0].expected.ettr: is empty"},
           {R"("expected": {"ettr": {"min": -1}}, "tolerance": {})", "cases[0].expected.ettr.min: is -1"},
           {R"("expected": {"ettr": 1})", "cases[0].tolerance: is missing"},
           {R"("expected": {"ettr": 1}, "tolerance": {})", "cases[0].tolerance: says nothing"},
           {R"("expected": {"ettr": 1}, "tolerance": {"relative": 1, "absolute": 1})",
            "says more than one thing"},
           {R"("expected": {"ettr": 1}, "tolerance": {"relative": -1})",
            "cases[0].tolerance.relative: is -1"},
           {R"("expected": {"ettr": 1}, "tolerance": {"poisson": 1})", "cases[0].tolerance.poisson: is 1"},
           {R"("expected": {"ettr": 1}, "tolerance": {"interval": [0, 1]})",
            "cases[0].tolerance.relative: is missing"},
           {R"("expected": {"ettr": 1}, "tolerance": {"interval": [1, 0], "relative": 1})", "from the lower"},
           {R"("expected": {"ettr": 1}, "tolerance": {"expected_miss": false})", "expected_miss: is false"},
           {R"("expected": {"ettr": {"min": 0}}, "tolerance": {"relative": 1})",
            "cases[0].tolerance.relative: unknown key"},
           {R"("expected": {"ettr": 1}, "tolerance": {"Relative": 1})",
            "did you mean cases[0].tolerance.relative?"},
           {R"("expected": {"ettr": 1}, "tolerance": {"relative": 1}, "context": 1)",
            "cases[0].context: is 1"},
           {R"("expected": {"ettr": 1}, "tolerance": {"relative": 1}, "note": 1)", "cases[0].note: is 1"},
       })
    EXPECT_NE(message(good, rest).find(part), std::string::npos) << message(good, rest);
  EXPECT_NE(row_of(R"({"id": "a", "question": "mtf", "inputs": {}})").message.find("cases[0].question: is"),
            std::string::npos);
  for (const char* none : {"7", "null", "[]", "\"case\"", "{}"}) {
    const Row row = row_of(none);
    EXPECT_TRUE(row.failed) << none;
    EXPECT_EQ(row.id, "cases[0]");
  }
}

TEST(Reliability, ARunThatMakesNoProgressSaysSo) {
  const std::string inputs =
      R"("inputs": {"mtbf_s": 1, "checkpoint_write_s": 1e4, "checkpoint_interval_s": 1e4, "useful_days": 1})";
  const Row never = row_of(R"({"id": "a", "question": "elapsed", )" + inputs +
                           R"(, "expected": {"elapsed_s": 1e9}, "tolerance": {"relative": 1}})");
  EXPECT_TRUE(never.failed);
  EXPECT_NE(never.message.find("never ends"), std::string::npos);
  const Row nothing =
      row_of(R"({"id": "a", "question": "ettr", )" + inputs + R"(, "expected": {"ettr": {"max": 0.1}}})");
  EXPECT_FALSE(nothing.failed);
  EXPECT_NE(nothing.message.find("nothing is ever done"), std::string::npos);
}

TEST(Reliability, FilesWithoutCasesAreRefused) {
  for (const char* text : {R"({"cases": 1})", R"({"cases": []})", R"({"cases": {}})"})
    EXPECT_THROW(read_reliability_cases(parse_document(text, "cases.json")), InputError) << text;
  EXPECT_FALSE(has_reliability_cases(parse_document("[]", "cases.json")));
}

/// Published figures, and Daly's model evaluated by somebody else.
TEST(Reliability, TheOpenCasesPass) {
  int scored = 0, misses = 0;
  for (const ReliabilityCase& c :
       read_reliability_cases(read_document(DS_SOURCE_DIR "/profiles/measured/reliability.json"))) {
    const Row row = judge(c);
    EXPECT_FALSE(row.failed) << row.id << ": " << row.message;
    scored += row.context ? 0 : 1;
    misses += row.known_miss ? 1 : 0;
  }
  EXPECT_EQ(scored, 23);
  EXPECT_EQ(misses, 1);
}

}  // namespace
}  // namespace ds::cli
