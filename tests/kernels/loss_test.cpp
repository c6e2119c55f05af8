// Cross entropy far out, and embeddings whose ids repeat.
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "kernels/kernels.h"
#include "tests/kernels/play.h"

namespace ds::kernels::test {
namespace {

constexpr Library kLibraries[] = {Library::reference, Library::simd};
constexpr double kInfinity = std::numeric_limits<double>::infinity();

TEST(CrossEntropy, StandsExtremeLogits) {
  // Row 0: the target has all the probability. Row 1: the other has; the loss is the distance, 1e4.
  const ops::Op op{ops::CrossEntropy{.tokens = 2, .vocab = 2, .columns = 3, .scale = 0.5}, ops::Pass::forward,
                   DataType::fp32};
  for (const Library library : kLibraries) {
    Play play(op);
    play.write("logits", {1e4, 0, 7, -3e4, -2e4, 7});
    play.write("targets", {0, 0});
    play.run(library);
    EXPECT_EQ(play.read("loss"), Values{0.5e4});
    EXPECT_EQ(play.read("logits"), (Values{0, 0, 0, -0.5, 0.5, 0}));
  }
}

TEST(CrossEntropy, OfEqualLogitsIsTheLogarithmOfTheVocabulary) {
  const ops::Op op{ops::CrossEntropy{.tokens = 1, .vocab = 4, .columns = 4, .scale = 1}, ops::Pass::forward,
                   DataType::fp64};
  for (const Library library : kLibraries) {
    Play play(op);
    play.write("logits", {3, 3, 3, 3});
    play.write("targets", {2});
    play.run(library);
    EXPECT_NEAR(play.read("loss")[0], std::log(4.0), 1e-15);
    expect_near(play.read("logits"), {0.25, 0.25, -0.75, 0.25}, 1e-15, "gradient");
  }
}

TEST(CrossEntropy, OfALogitThatIsNotFiniteIsNotFinite) {
  const ops::Op op{ops::CrossEntropy{.tokens = 2, .vocab = 3, .columns = 3, .scale = 1}, ops::Pass::forward,
                   DataType::fp32};
  for (const double bad : {std::nan(""), kInfinity})
    for (const Library library : kLibraries) {
      Play play(op);
      play.write("logits", {1, 2, bad, 1, 2, 3});
      play.write("targets", {0, 1});
      play.run(library);
      EXPECT_FALSE(std::isfinite(play.read("loss")[0]));
    }
}

TEST(SoftmaxStatistics, AreTheLargestLogitTheSumOfExponentialsAndTheTargets) {
  // Shard 1 of two with 3 columns each; 5 are real, so of its three the last is padding. exp(ln 3 - ln 3) + exp(0 - ln
  // 3) = 4/3. The target of row 0 is its column 1, that of row 1 is in the other shard.
  const ops::Op op{ops::SoftmaxStatistics{.tokens = 2, .vocab = 5, .columns = 3, .shards = 2, .first = 3},
                   ops::Pass::forward, DataType::fp64};
  for (const Library library : kLibraries) {
    Play play(op);
    play.write("logits", {std::log(3.0), 0, 99, 7, 7, 99});
    play.write("targets", {4, 2});
    play.run(library);
    expect_near(play.read("statistics"), {std::log(3.0), 4.0 / 3, 0, 7, 2, -kInfinity}, 1e-15, "statistics");
  }
}

TEST(SoftmaxStatistics, OfPaddingAloneOrOfNoProbabilityAddNothing) {
  // First a shard behind the vocabulary, then one whose logits are all -infinity: both as if they were not there.
  for (const std::int64_t vocab : {3, 6}) {
    const ops::Op op{
        ops::SoftmaxStatistics{.tokens = 1, .vocab = vocab, .columns = 3, .shards = 2, .first = 3},
        ops::Pass::forward, DataType::fp32};
    for (const Library library : kLibraries) {
      Play play(op);
      play.write("logits", vocab == 3 ? Values{1, 2, 3} : Values{-kInfinity, -kInfinity, -kInfinity});
      play.write("targets", {1});
      play.run(library);
      EXPECT_EQ(play.read("statistics"), (Values{-kInfinity, 0, -kInfinity}));
    }
  }
}

TEST(Embedding, SumsTheGradientsOfAnIdThatRepeats) {
  // Rows of 1, 10, 100, 1000; ids 2 0 2 2: row 2 gets 1 + 100 + 1000, row 0 gets 10, rows 1 and 3 are written
  // zero. Sequences of two: position 0 gets 1 + 100, position 1 gets 10 + 1000.
  const ops::Op op{ops::Embedding{.tokens = 4, .sequence = 2, .hidden = 2, .vocab = 4, .positions = true},
                   ops::Pass::weight_gradient, DataType::fp32};
  for (const Library library : kLibraries) {
    Play play(op);
    play.write("ids", {2, 0, 2, 2});
    play.write("dy", {1, 1, 10, 10, 100, 100, 1000, 1000});
    play.run(library);
    EXPECT_EQ(play.read("dtable"), (Values{10, 10, 0, 0, 1101, 1101, 0, 0}));
    EXPECT_EQ(play.read("dpositions"), (Values{101, 101, 1010, 1010}));
  }
}

TEST(Embedding, LeavesRowsWithoutTokensAloneWhenItAdds) {
  ops::Op op{ops::Embedding{.tokens = 2, .sequence = 2, .hidden = 1, .vocab = 3}, ops::Pass::weight_gradient,
             DataType::fp64, true};
  for (const Library library : kLibraries) {
    Play play(op);
    play.write("ids", {1, 1});
    play.write("dy", {0.5, 0.25});
    play.write("dtable", {7, 8, 9});
    play.run(library);
    EXPECT_EQ(play.read("dtable"), (Values{7, 8.75, 9}));
  }
}

}  // namespace
}  // namespace ds::kernels::test
