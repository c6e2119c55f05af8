// Small systems in which a skipped period would be a wrong one, with their steps worked out by hand.
#include <gtest/gtest.h>

#include "tests/simulator/maxplus/systems.h"

namespace ds::maxplus {
namespace {

enum : std::int32_t { kOne, kTwo, kHalf, kLong, kNothing };
const std::vector<double> kSeconds{1, 2, 0.5, 100, 0};

/// All lanes of the class end, then all classes meet on that channel.
void come_together(Outline& outline, std::int32_t channel) {
  std::vector<Wait> all;
  for (std::int32_t lane = 1; lane < outline.lanes; ++lane)
    all.push_back({lane, static_cast<std::int32_t>(std::ranges::count(outline.items, lane, &Item::lane))});
  outline.add({.lane = 0, .duration = kNothing, .call = 1 << 20, .channel = channel}, all);
}

/// One sender starts 100 s late and computes 1 s for a message, the other 2 s from the begin; the receiver needs both and half a
/// second more. The late one is waited for up to the 100th message, the slow one from there on.
/// What follows the last message but 20 takes another 100 s, and so ends the step.
TEST(Skipping, StopsWhereSomethingFasterOvertakes) {
  constexpr std::int32_t kMessages = 400;
  System system{{}, {kSeconds, kSeconds, kSeconds}};
  Outline late{.lanes = 2, .items = {}, .waits = {}}, slow{late},
      receiver{.lanes = 4, .items = {}, .waits = {}};
  late.add({.lane = 0, .duration = kLong});
  for (std::int32_t k = 0; k < kMessages; ++k) {
    late.add({.lane = 0, .duration = kOne, .call = k + 1});
    late.add({.lane = 1, .duration = kNothing, .call = k + 1, .channel = 0}, {{0, k + 2}});
    slow.add({.lane = 0, .duration = kTwo, .call = k + 1});
    slow.add({.lane = 1, .duration = kNothing, .call = k + 1, .channel = 1}, {{0, k + 1}});
    receiver.add({.lane = 1, .duration = kNothing, .call = k + 1, .channel = 0});
    receiver.add({.lane = 2, .duration = kNothing, .call = k + 1, .channel = 1});
    receiver.add({.lane = 0, .duration = kHalf, .call = k + 1}, {{1, k + 1}, {2, k + 1}});
  }
  receiver.add({.lane = 3, .duration = kLong, .call = kMessages}, {{0, kMessages - 20}});
  for (Outline* outline : {&late, &slow, &receiver}) come_together(*outline, 2);
  system.classes = {late, slow, receiver};
  Compiled compiled(system);
  EXPECT_NEAR(compiled.step(system), 2 * (kMessages - 20) + 0.5 + 100, 1e-9);
  EXPECT_LT(compiled.evaluation.evaluated(), compiled.tape.entries / 4);
}

/// A message of one channel waits for one of the other 12 earlier, one of which comes 500 s late. Until that is waited for
/// everything moves evenly.
TEST(Skipping, SeesWhatComesLateThroughTheSecondChannel) {
  constexpr std::int32_t kMessages = 300, kBack = 12;
  System system{{}, {{1, 3, 0, 500, 0}, {1, 3, 0, 500, 0}}};
  Outline sender{.lanes = 2, .items = {}, .waits = {}}, receiver{sender};
  for (std::int32_t k = 0; k < kMessages; ++k) {
    sender.add({.lane = 0, .duration = k + 1 == kBack ? kLong : kOne, .call = k, .channel = 0});
    receiver.add({.lane = 0, .duration = kNothing, .call = k, .channel = 0});
    const std::vector<Wait> back{{0, k + 1 - kBack}};
    sender.add({.lane = 1, .duration = k + 1 == kBack ? kNothing : kOne, .call = k, .channel = 1},
               k < kBack ? std::vector<Wait>{} : back);
    receiver.add({.lane = 1, .duration = k < 2 * kBack ? kNothing : kTwo, .call = k, .channel = 1});
  }
  for (Outline* outline : {&sender, &receiver}) come_together(*outline, 2);
  system.classes = {sender, receiver};
  Compiled compiled(system);
  const NaivePlay naive(system);
  ASSERT_TRUE(naive.finished);
  EXPECT_NEAR(compiled.step(system), naive.step(), 1e-9);
}

/// The larger of two sums is found in whichever order they were made; of others both are kept.
TEST(Weights, ASumThatHoldsAllOfAnotherIsTheLongerOne) {
  WeightTerms terms;
  const std::int32_t a = terms.duration(0), b = terms.duration(1), c = terms.duration(2);
  const std::int32_t all = terms.plus(terms.plus(a, b), c), part = terms.plus(a, c);
  const std::int32_t more = terms.plus(all, a);
  EXPECT_EQ(terms.longest(all, part), all);
  EXPECT_EQ(terms.longest(part, all), all);
  EXPECT_EQ(terms.longest(all, more), more);
  const std::vector<std::int32_t> numbers{terms.longest(terms.plus(a, b), part)};
  std::vector<double> values;
  terms.formulas(numbers).work_out(std::vector<double>{1, 2, 5}, values);
  EXPECT_EQ(values[0], 6);
  terms.formulas(numbers).work_out(std::vector<double>{1, 7, 5}, values);
  EXPECT_EQ(values[0], 8);
}

}  // namespace
}  // namespace ds::maxplus
