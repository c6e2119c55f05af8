// Cross entropy whose columns are cut over ranks, each of which knows the others by their statistics alone.
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "tests/kernels/play.h"

namespace ds::kernels::test {
namespace {

using ops::Pass;

constexpr Library kLibraries[] = {Library::reference, Library::simd};
constexpr std::int64_t kTokens = 9;
constexpr double kInfinity = std::numeric_limits<double>::infinity();

/// The vocabulary, its padding, and the ranks that have equal shares of both.
struct Cut {
  std::int64_t vocab, columns, shards;
};
// No padding; some in the last shard; a last shard, then two of them, that is all padding; shares of several vectors
// and of several blocks.
constexpr Cut kCuts[] = {{12, 12, 2}, {11, 12, 3},   {8, 12, 3},    {7, 16, 4},
                         {1, 2, 2},   {100, 128, 2}, {250, 256, 4}, {6000, 6144, 2}};

Values columns(const Values& all, const Cut& cut, std::int64_t shard) {
  Values some;
  const std::int64_t share = cut.columns / cut.shards;
  for (std::int64_t t = 0; t < kTokens; ++t) {
    const auto begin = all.begin() + t * cut.columns + shard * share;
    some.insert(some.end(), begin, begin + share);
  }
  return some;
}

Play whole_loss(const Cut& cut, DataType type) {
  return Play({ops::CrossEntropy{kTokens, cut.vocab, cut.columns, 1.0 / kTokens}, Pass::forward, type});
}

/// The losses of all ranks, each with its gradient in its logits.
std::vector<Play> sharded_loss(const Cut& cut, DataType type, Library library, const Values& logits,
                               const Values& targets) {
  const std::int64_t share = cut.columns / cut.shards;
  Values statistics;
  for (std::int64_t r = 0; r < cut.shards; ++r) {
    const ops::SoftmaxStatistics what{kTokens, cut.vocab, share, cut.shards};
    Play play(ops::at({what, Pass::forward, type}, {.tensor = r}));
    play.write("logits", columns(logits, cut, r));
    play.write("targets", targets);
    play.run(library);
    const Values found = play.read("statistics");
    statistics.insert(statistics.end(), found.begin(), found.end());
  }
  std::vector<Play> ranks;
  for (std::int64_t r = 0; r < cut.shards; ++r) {
    const ops::CrossEntropy what{kTokens, cut.vocab, share, 1.0 / kTokens, cut.shards};
    Play& play = ranks.emplace_back(ops::at({what, Pass::forward, type}, {.tensor = r}));
    play.write("logits", columns(logits, cut, r));
    play.write("targets", targets);
    play.write("statistics", statistics);
    play.run(library);
  }
  return ranks;
}

/// Each rank has its columns of the whole gradient, and the whole loss, all in the same bits.
void expect_shards_of(Play whole, const Cut& cut, Library library, double tolerance) {
  SCOPED_TRACE(testing::Message() << cut.vocab << " of " << cut.columns << " over " << cut.shards);
  const std::vector<Play> ranks =
      sharded_loss(cut, whole.op().type, library, whole.read("logits"), whole.read("targets"));
  whole.run(library);
  for (std::int64_t r = 0; r < cut.shards; ++r) {
    const Play& rank = ranks[static_cast<std::size_t>(r)];
    expect_near(rank.read("logits"), columns(whole.read("logits"), cut, r), tolerance, "gradient");
    expect_near(rank.read("loss"), whole.read("loss"), tolerance, "loss");
    EXPECT_EQ(rank.read("loss"), ranks[0].read("loss")) << "every rank has the same bits";
  }
}

TEST(ShardedCrossEntropy, HasTheGradientAndTheLossOfTheWhole) {
  for (const Library library : kLibraries)
    for (const Cut& cut : kCuts) {
      expect_shards_of(whole_loss(cut, DataType::fp64), cut, library, 1e-13);
      expect_shards_of(whole_loss(cut, DataType::fp32), cut, library, 1e-6);
    }
}

TEST(ShardedCrossEntropy, StandsLogitsThatDifferFarBetweenShards) {
  // Shard 0 lies 1e4 above the others, or below, or has no probability at all: exp overflows at 88.
  constexpr Cut kCut{11, 12, 3};
  for (const Library library : kLibraries)
    for (const double shift : {1e4, -1e4, -kInfinity}) {
      Play whole = whole_loss(kCut, DataType::fp32);
      Values logits = whole.read("logits");
      for (std::size_t i = 0; i < logits.size(); ++i)
        if (i % 12 < 4) logits[i] += shift;
      whole.write("logits", logits);
      whole.write("targets", Values(kTokens, 6));
      expect_shards_of(whole, kCut, library, 1e-6);
    }
}

TEST(ShardedCrossEntropy, OfALogitThatIsNotFiniteIsNotFiniteOnAnyRank) {
  constexpr Cut kCut{11, 12, 3};
  for (const Library library : kLibraries)
    for (const double bad : {std::nan(""), kInfinity})
      for (const std::size_t where : {0, 5, 10}) {
        const Play whole = whole_loss(kCut, DataType::fp32);
        Values logits = whole.read("logits");
        logits[where] = bad;
        for (const Play& rank : sharded_loss(kCut, DataType::fp32, library, logits, whole.read("targets")))
          EXPECT_FALSE(std::isfinite(rank.read("loss")[0]));
      }
}

}  // namespace
}  // namespace ds::kernels::test
