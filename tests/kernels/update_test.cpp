// Norm, loss, clip factor and AdamW against numbers worked out by hand.
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <vector>

#include "kernels/kernels.h"
#include "tests/kernels/play.h"

namespace ds::kernels::test {
namespace {

constexpr Library kLibraries[] = {Library::reference, Library::simd};
constexpr double kInfinity = std::numeric_limits<double>::infinity();

TEST(AdamW, TakesTheFirstStepOfThePaper) {
  // Step 1 from zero moments: m = 0.1 g, v = 0.05 g^2, so both corrected moments are g and g^2, and the step
  // is rate * g / (|g| + epsilon), that is rate * sign(g). g = 2 * 0.5 (clipped) = 1; rate 0.01, decay 0.1:
  // decayed: 3 - 0.01 * (1 + 0.1 * 3) = 2.987; not decayed: 3 - 0.01 = 2.99.
  const ops::Op op{ops::AdamW{.elements = 2, .decayed = 1}, ops::Pass::update, DataType::fp64};
  for (const Library library : kLibraries) {
    Play play(op);
    play.write("control", {0.01, 1});
    play.write("scalars", {0, 0, 0.5, 1});
    play.write("gradient", {2, 2});
    play.write("weight", {3, 3});
    play.write("first_moment", {0, 0});
    play.write("second_moment", {0, 0});
    play.run(library);
    expect_near(play.read("weight"), {2.987, 2.99}, 1e-9, "weight");
    expect_near(play.read("first_moment"), {0.1, 0.1}, 1e-15, "first moment");
    expect_near(play.read("second_moment"), {0.05, 0.05}, 1e-15, "second moment");
  }
}

TEST(AdamW, CorrectsItsBiasByTheStepNumber) {
  // Step 2, beta1 0.9, beta2 0.95, g = 1, m = 0.1, v = 0.05: m' = 0.19, v' = 0.0975; corrections 0.19 and
  // 0.0975: 1 and 1.
  const ops::Op op{ops::AdamW{.elements = 1, .decayed = 0}, ops::Pass::update, DataType::fp64};
  for (const Library library : kLibraries) {
    Play play(op);
    play.write("control", {0.5, 2});
    play.write("scalars", {0, 0, 1, 1});
    play.write("gradient", {1});
    play.write("weight", {1});
    play.write("first_moment", {0.1});
    play.write("second_moment", {0.05});
    play.run(library);
    expect_near(play.read("weight"), {0.5}, 1e-7, "weight");
  }
}

TEST(SquaredNorm, SumsInDoubleAndCountsWhatIsNotFinite) {
  for (const Library library : kLibraries)
    for (const bool first : {true, false}) {
      Play play(ops::Op{ops::SquaredNorm{.elements = 5, .first = first}, ops::Pass::update, DataType::fp32});
      // 1e20 squared overflows fp32; 3^2 + 4^2 = 25.
      play.write("gradient", {3, 4, 0, 1e20, 0});
      if (!first) play.write("sums", {0.5, 100, 7});
      play.run(library);
      EXPECT_EQ(play.read("sums")[0], first ? 0 : 0.5);
      EXPECT_NEAR(play.read("sums")[1] / 1e40, 1, 1e-7);
      EXPECT_EQ(play.read("sums")[2], first ? 0 : 7);
      play.write("gradient", {3, 4, kInfinity, std::nan(""), 0});
      play.run(library);
      EXPECT_EQ(play.read("sums")[0], first ? 0 : 0.5);
      EXPECT_FALSE(std::isfinite(play.read("sums")[1]));
      EXPECT_EQ(play.read("sums")[2], first ? 2 : 9);
    }
}

TEST(SquaredNorm, AddsOnlyTheElementsThatItsRankCounts) {
  // 3^2 + 4^2 = 25; behind them lies what another rank counts, even where it is not finite.
  const ops::SquaredNorm norm{.elements = 5, .first = true, .counted = 2};
  for (const Library library : kLibraries) {
    Play play(ops::Op{norm, ops::Pass::update, DataType::fp64});
    play.write("gradient", {3, 4, kInfinity, std::nan(""), 5});
    play.run(library);
    EXPECT_EQ(play.read("sums"), (Values{0, 25, 0}));
  }
}

TEST(SquaredNorm, LooksAtAllElementsHoweverFewItCounts) {
  // A step takes as long on a rank that counts nothing. Blocks that are looked at are followed by a poll.
  const auto polls = [](std::int64_t counted) {
    constexpr std::int64_t kElements = 1 << 19;
    const ops::SquaredNorm norm{.elements = kElements, .first = true, .counted = counted};
    int count = 0;
    Queue queue{[](void* n) { ++*static_cast<int*>(n); }, &count};
    std::vector<float> gradient(kElements, 1.0F);
    std::vector<double> sums(3);
    const std::vector<void*> addresses{gradient.data(), sums.data()};
    const ops::Op op{norm, ops::Pass::update, DataType::fp32};
    find(op, Library::simd)(op, addresses, queue);
    EXPECT_EQ(sums[1], static_cast<double>(counted));
    return count;
  };
  EXPECT_GE(polls(1 << 19), 2);
  EXPECT_EQ(polls(0), polls(1 << 19));
}

TEST(LossSum, AddsTheLossesWhereTheyAreCounted) {
  for (const Library library : kLibraries)
    for (const bool counted : {true, false}) {
      Play play(ops::Op{ops::LossSum{.micro_batches = 3, .copies = 2, .counted = counted}, ops::Pass::update,
                        DataType::fp32});
      play.write("losses", {0.5, 0.25, 4});
      play.write("sums", {1, 2, 3});
      play.run(library);
      EXPECT_EQ(play.read("sums"), (Values{counted ? 5.75 : 1, 2, 3}));
    }
}

Values clipped(double clip_norm, DataType type, const Values& sums) {
  Play play(ops::Op{ops::ClipFactor{.clip_norm = clip_norm}, ops::Pass::update, type});
  play.write("sums", sums);
  play.run(Library::simd);
  return play.read("scalars");
}

TEST(ClipFactor, ShortensTheGradientToTheClipNorm) {
  EXPECT_EQ(clipped(1, DataType::fp64, {0.75, 16, 0}), (Values{0.75, 4, 0.25, 1}));
  EXPECT_EQ(clipped(1, DataType::fp64, {0.75, 0.25, 0}), (Values{0.75, 0.5, 1, 1}));  // shorter ones stay
  EXPECT_EQ(clipped(1, DataType::fp64, {0.75, 0, 0}), (Values{0.75, 0, 1, 1}));
}

TEST(ClipFactor, SaysWhetherGradientsAndLossAreFinite) {
  EXPECT_EQ(clipped(1, DataType::fp64, {0.75, 16, 3})[3], 0);
  EXPECT_EQ(clipped(1, DataType::fp64, {kInfinity, 16, 0})[3], 0);
}

TEST(ClipFactor, IsOneWithoutClippingAndRoundsTheNormOnceToTheType) {
  EXPECT_EQ(clipped(0, DataType::fp32, {1, 2, 0}),
            (Values{1, static_cast<double>(static_cast<float>(std::sqrt(2.0))), 1, 1}));
}

TEST(Zero, ClearsAllElements) {
  Play play(ops::Op{ops::Zero{.elements = 5}, ops::Pass::update, DataType::fp32});
  play.write("a", {1, 2, kInfinity, std::nan(""), 5});
  play.run(Library::simd);
  EXPECT_EQ(play.read("a"), Values(5));
}

}  // namespace
}  // namespace ds::kernels::test
