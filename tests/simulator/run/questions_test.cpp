// Questions to the failure model: what they need, and ranges of inputs.
#include "simulator/run/questions.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <random>

namespace ds::run {
namespace {

Inputs inputs_of(std::initializer_list<std::pair<Input, Ends>> list) {
  Inputs inputs;
  for (const auto& [input, ends] : list) inputs[input] = ends;
  return inputs;
}
constexpr Ends one(double value) { return {value, value}; }

TEST(Questions, RangesGiveTheSmallestAndTheLargestAnswer) {
  // 2048 nodes for 54 days (Llama 3): 258.8 to 718.8 failures.
  const Answer a =
      answer(Question::interruptions, inputs_of({{Input::gpus, one(16384)},
                                                 {Input::gpus_per_node, one(8)},
                                                 {Input::failures_per_node_day, {0.00234, 0.0065}},
                                                 {Input::days, one(54)}}));
  ASSERT_TRUE(a.value) << a.fault;
  EXPECT_NEAR(a.value->low, 258.785, 1e-3);
  EXPECT_NEAR(a.value->high, 718.848, 1e-3);
}

/// Goodput is best inside the range of intervals, and worst at one of its ends.
TEST(Questions, ABestIntervalInsideItsRangeIsFound) {
  Inputs inputs = inputs_of({{Input::mtbf_s, one(10000)},
                             {Input::checkpoint_write_s, one(20)},
                             {Input::restart_s, one(300)},
                             {Input::checkpoint_interval_s, {60, 6000}}});
  inputs.restart_can_fail = true;
  const Answer a = answer(Question::ettr, inputs);
  ASSERT_TRUE(a.value);
  EXPECT_NEAR(a.value->high, 0.910356, 1e-6);
  inputs[Input::checkpoint_interval_s] = one(6000);
  const double at_most = answer(Question::ettr, inputs).value->low;
  inputs[Input::checkpoint_interval_s] = one(60);
  EXPECT_EQ(a.value->low, std::min(at_most, answer(Question::ettr, inputs).value->low));
}

/// No point of the ranges answers beyond the ends, and points come near to both.
TEST(Questions, EndsEncloseEveryPointOfTheRanges) {
  std::mt19937_64 bits(7);
  const auto below_one = [&] { return static_cast<double>(bits() >> 11U) * 0x1p-53; };
  const auto between = [&](double low, double high) { return low * std::pow(high / low, below_one()); };
  for (int i = 0; i < 120; ++i) {
    Inputs inputs;
    const auto range = [&](Input input, double low, double high) {
      const double a = between(low, high), b = below_one() < 0.5 ? a : between(low, high);
      inputs[input] = Ends{std::min(a, b), std::max(a, b)};
    };
    switch (i % 3) {
      case 0: range(Input::mtbf_s, 1e3, 1e5); break;
      case 1: range(Input::failure_period_s, 3e3, 1e5); break;
      default:
        range(Input::gpus, 64, 4096);
        range(Input::gpus_per_node, 1, 16);
        range(Input::failures_per_node_day, 1e-3, 1e-1);
        range(Input::job_failures_per_day, 1e-1, 1e1);
    }
    range(Input::checkpoint_write_s, 1, 1000);
    range(Input::detection_s, 1, 1000);
    range(Input::restart_s, 1, 1000);
    range(Input::days, 1, 100);
    range(Input::useful_days, 1, 100);
    inputs.restart_can_fail = below_one() < 0.5;
    if (below_one() < 0.7)
      range(Input::checkpoint_interval_s, 10, 1e5);
    else
      inputs.best_interval = below_one() < 0.7;
    for (const QuestionEntry& question : kQuestions) {
      const Answer whole = answer(question.value, inputs);
      ASSERT_TRUE(whole.value) << whole.fault;
      const double slack = 1e-9 * std::abs(whole.value->high);
      for (int k = 0; k < 60; ++k) {
        Inputs point = inputs;
        for (auto& ends : point.given)
          if (ends)
            ends =
                one(ends->low + (k < 30 ? below_one() : std::round(below_one())) * (ends->high - ends->low));
        const double value = answer(question.value, point).value->low;
        EXPECT_GE(value, whole.value->low - slack) << question.name << i;
        EXPECT_LE(value, whole.value->high + slack) << question.name << i;
      }
    }
  }
}

TEST(Questions, DetectionCountsAsRestart) {
  Inputs together =
      inputs_of({{Input::mtbf_s, one(5000)}, {Input::restart_s, one(300)}, {Input::days, one(10)}});
  Inputs apart = inputs_of({{Input::mtbf_s, one(5000)},
                            {Input::restart_s, one(200)},
                            {Input::detection_s, one(100)},
                            {Input::days, one(10)}});
  for (const Question question : {Question::ettr, Question::interruptions})
    EXPECT_EQ(answer(question, together).value->low, answer(question, apart).value->low);
}

/// Failures that strike during work alone are further apart on the clock.
TEST(Questions, RestartsThatCannotFailPutFailuresOff) {
  Inputs inputs = inputs_of({{Input::mtbf_s, one(900)}, {Input::restart_s, one(100)}, {Input::days, one(1)}});
  EXPECT_NEAR(answer(Question::interruptions, inputs).value->low, 86.4, 1e-9);
  inputs.restart_can_fail = true;
  EXPECT_NEAR(answer(Question::interruptions, inputs).value->low, 96, 1e-9);
}

TEST(Questions, APeriodOfALogIsWhatFailuresAreCountedBy) {
  const Inputs inputs =
      inputs_of({{Input::failure_period_s, one(3600)}, {Input::restart_s, one(360)}, {Input::days, one(1)}});
  EXPECT_NEAR(answer(Question::interruptions, inputs).value->low, 24, 1e-12);
  EXPECT_NEAR(answer(Question::mttf, inputs).value->low, 3240, 1e-9);
}

TEST(Questions, TheOptimumIsTheSameWhetherRestartsCanFailOrNot) {
  Inputs inputs = inputs_of(
      {{Input::mtbf_s, one(10000)}, {Input::checkpoint_write_s, one(20)}, {Input::restart_s, one(300)}});
  const double safe = answer(Question::optimum_interval, inputs).value->low;
  inputs.restart_can_fail = true;
  EXPECT_EQ(answer(Question::optimum_interval, inputs).value->low, safe);
  EXPECT_NEAR(safe, 619.2, 0.1);
}

TEST(Questions, WhatIsMissingOrTooMuchIsNamed) {
  const auto fault = [](Question question, const Inputs& inputs) {
    const Answer a = answer(question, inputs);
    EXPECT_FALSE(a.value);
    return a.input + " " + a.fault;
  };
  EXPECT_EQ(fault(Question::ettr, inputs_of({{Input::gpus, one(8)}})),
            "failures_per_node_day is missing, and the question needs it");
  EXPECT_EQ(fault(Question::ettr, inputs_of({{Input::failures_per_node_day, one(1)}, {Input::gpus, one(8)}})),
            "gpus_per_node is missing, and the question needs it");
  EXPECT_EQ(fault(Question::interruptions, inputs_of({{Input::mtbf_s, one(8)}})),
            "days is missing, and the question needs it");
  EXPECT_EQ(fault(Question::elapsed, inputs_of({{Input::mtbf_s, one(8)}})),
            "useful_days is missing, and the question needs it");
  EXPECT_EQ(fault(Question::optimum_interval, inputs_of({{Input::mtbf_s, one(8)}})),
            "checkpoint_write_s is missing, and the question needs it");
  EXPECT_EQ(fault(Question::mttf, inputs_of({{Input::mtbf_s, one(8)}, {Input::failure_period_s, one(8)}})),
            "mtbf_s stands beside failure_period_s, which is given instead of it");
  EXPECT_EQ(
      fault(Question::mttf, inputs_of({{Input::mtbf_s, one(8)}, {Input::job_failures_per_day, one(8)}})),
      "job_failures_per_day stands beside mtbf_s, which is given instead of it");
}

TEST(Questions, WhatHasNoFiniteAnswerSaysWhy) {
  const auto fault = [](Question question, const Inputs& inputs) { return answer(question, inputs).fault; };
  const Inputs never =
      inputs_of({{Input::job_failures_per_day, one(0)}, {Input::checkpoint_write_s, one(5)}});
  EXPECT_EQ(fault(Question::mttf, never), "nothing ever fails: all rates are 0");
  EXPECT_NE(fault(Question::optimum_interval, never).find("no saves at all"), std::string::npos);
  const Inputs endless = inputs_of({{Input::mtbf_s, one(1)},
                                    {Input::checkpoint_write_s, one(1e4)},
                                    {Input::checkpoint_interval_s, one(1e4)},
                                    {Input::useful_days, one(1)}});
  EXPECT_NE(fault(Question::elapsed, endless).find("never ends"), std::string::npos);
  EXPECT_EQ(answer(Question::ettr, endless).value->high, 0);
}

}  // namespace
}  // namespace ds::run
