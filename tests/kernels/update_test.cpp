// Norm, clip factor and AdamW against numbers worked out by hand.
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

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
      if (!first) play.write("sums", {100, 7});
      play.run(library);
      EXPECT_NEAR(play.read("sums")[0] / 1e40, 1, 1e-7);
      EXPECT_EQ(play.read("sums")[1], first ? 0 : 7);
      play.write("gradient", {3, 4, kInfinity, std::nan(""), 0});
      play.run(library);
      EXPECT_FALSE(std::isfinite(play.read("sums")[0]));
      EXPECT_EQ(play.read("sums")[1], first ? 2 : 9);
    }
}

TEST(ClipFactor, ShortensTheGradientToTheClipNorm) {
  Play play(ops::Op{ops::ClipFactor{.micro_batches = 2, .clip_norm = 1}, ops::Pass::update, DataType::fp64});
  play.write("losses", {0.5, 0.25});
  play.write("sums", {16, 0});
  play.run(Library::simd);
  EXPECT_EQ(play.read("scalars"), (Values{0.75, 4, 0.25, 1}));
  play.write("sums", {0.25, 0});  // shorter gradients stay
  play.run(Library::simd);
  EXPECT_EQ(play.read("scalars"), (Values{0.75, 0.5, 1, 1}));
  play.write("sums", {0, 0});
  play.run(Library::simd);
  EXPECT_EQ(play.read("scalars"), (Values{0.75, 0, 1, 1}));
  play.write("sums", {16, 3});
  play.run(Library::simd);
  EXPECT_EQ(play.read("scalars")[3], 0);
  play.write("sums", {16, 0});
  play.write("losses", {kInfinity, 0});
  play.run(Library::simd);
  EXPECT_EQ(play.read("scalars")[3], 0);
}

TEST(ClipFactor, IsOneWithoutClippingAndRoundsTheNormOnceToTheType) {
  Play play(ops::Op{ops::ClipFactor{.micro_batches = 1, .clip_norm = 0}, ops::Pass::update, DataType::fp32});
  play.write("losses", {1});
  play.write("sums", {2, 0});
  play.run(Library::simd);
  EXPECT_EQ(play.read("scalars"), (Values{1, static_cast<double>(static_cast<float>(std::sqrt(2.0))), 1, 1}));
}

}  // namespace
}  // namespace ds::kernels::test
