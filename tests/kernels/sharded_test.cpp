// What shards compute adds up to what one rank computes: embedding, positions, bias, norm, AdamW.
#include <gtest/gtest.h>

#include <limits>

#include "tests/kernels/play.h"

namespace ds::kernels::test {
namespace {

using ops::Pass;

constexpr Library kLibraries[] = {Library::reference, Library::simd};
constexpr DataType kTypes[] = {DataType::fp64, DataType::fp32};

Values part(const Values& all, std::int64_t begin, std::int64_t count) {
  return {all.begin() + begin, all.begin() + begin + count};
}
void append(Values& to, const Values& more) { to.insert(to.end(), more.begin(), more.end()); }
void add(Values& to, const Values& more) {
  if (to.empty()) to.resize(more.size());
  for (std::size_t i = 0; i < to.size(); ++i) to[i] += more[i];
}

/// The operator as the rank at `tensor` (and `data`) runs it.
ops::Op placed(const ops::What& what, Pass pass, DataType type, ops::RankPosition place,
               bool accumulate = false) {
  return ops::at({what, pass, type, accumulate}, place);
}

constexpr std::int64_t kTokens = 30, kHidden = 19, kRows = 5;  // five rows of a table on each shard

ops::Embedding embedding(std::int64_t shards) {
  return {.tokens = kTokens, .sequence = 10, .hidden = kHidden, .vocab = shards * kRows};
}
ops::Embedding shard_of(ops::Embedding whole, std::int64_t shards) {
  whole.vocab = kRows;
  whole.shards = shards;
  return whole;
}

TEST(ShardedEmbedding, SumsToTheWhole) {
  // Each row lies on one shard and the others give zero, so the sum is exact.
  for (const Library library : kLibraries)
    for (const DataType type : kTypes)
      for (const std::int64_t shards : {1, 2, 4}) {
        Play whole({embedding(shards), Pass::forward, type});
        whole.run(library);
        Values sum;
        for (std::int64_t r = 0; r < shards; ++r) {
          Play shard(placed(shard_of(embedding(shards), shards), Pass::forward, type, {.tensor = r}));
          shard.write("ids", whole.read("ids"));
          shard.write("table", part(whole.read("table"), r * kRows * kHidden, kRows * kHidden));
          shard.run(library);
          add(sum, shard.read("y"));
        }
        EXPECT_EQ(sum, whole.read("y"));
      }
}

TEST(ShardedEmbedding, HasTheRowsOfTheWholeGradient) {
  // Bit for bit: a row is summed over the same tokens in the same order.
  for (const Library library : kLibraries)
    for (const DataType type : kTypes)
      for (const bool accumulate : {false, true})
        for (const std::int64_t shards : {1, 2, 4}) {
          Play whole({embedding(shards), Pass::weight_gradient, type, accumulate});
          const Values before = accumulate ? whole.read("dtable") : Values{};
          whole.run(library);
          Values stacked;
          for (std::int64_t r = 0; r < shards; ++r) {
            Play shard(placed(shard_of(embedding(shards), shards), Pass::weight_gradient, type, {.tensor = r},
                              accumulate));
            shard.write("ids", whole.read("ids"));
            shard.write("dy", whole.read("dy"));
            if (accumulate) shard.write("dtable", part(before, r * kRows * kHidden, kRows * kHidden));
            shard.run(library);
            append(stacked, shard.read("dtable"));
          }
          EXPECT_EQ(stacked, whole.read("dtable"));
        }
}

TEST(ShardedEmbedding, WithoutATokenOfItsOwnIsZero) {
  const ops::Embedding e{.tokens = 2, .sequence = 2, .hidden = 1, .vocab = 3, .shards = 2, .first = 3};
  for (const Library library : kLibraries) {
    Play forward({e, Pass::forward, DataType::fp64}), backward({e, Pass::weight_gradient, DataType::fp64});
    for (Play* play : {&forward, &backward}) {
      play->write("ids", {0, 2});
      play->run(library);
    }
    EXPECT_EQ(forward.read("y"), Values(2));
    EXPECT_EQ(backward.read("dtable"), Values(3));
  }
}

/// Learned positions of the whole micro-batch, which the embedding adds itself, and on shards of its tokens.
constexpr ops::Embedding kWithPositions{
    .tokens = kTokens, .sequence = 10, .hidden = kHidden, .vocab = 7, .positions = true};
ops::Positions positions(std::int64_t shards) {
  return {.tokens = kTokens / shards, .sequence = 10, .hidden = kHidden, .shards = shards};
}

TEST(Positions, OfShardsOfTheTokensAreThoseThatAnEmbeddingAdds) {
  for (const Library library : kLibraries)
    for (const DataType type : kTypes)
      for (const std::int64_t shards : {1, 2, 3, 5, 6}) {
        Play whole({kWithPositions, Pass::forward, type});
        ops::Embedding without = kWithPositions;
        without.positions = false;
        Play rows({without, Pass::forward, type});
        rows.write("ids", whole.read("ids"));
        rows.write("table", whole.read("table"));
        rows.run(library);
        whole.run(library);
        Values stacked;
        for (std::int64_t r = 0; r < shards; ++r) {
          Play shard(placed(positions(shards), Pass::forward, type, {.tensor = r}));
          const std::int64_t count = kTokens / shards * kHidden;
          shard.write("x", part(rows.read("y"), r * count, count));
          shard.write("table", whole.read("positions"));
          shard.run(library);
          append(stacked, shard.read("x"));
        }
        EXPECT_EQ(stacked, whole.read("y")) << shards;
      }
}

TEST(Positions, HaveGradientsThatSumToThatOfTheEmbedding) {
  for (const Library library : kLibraries)
    for (const std::int64_t shards : {1, 2, 3, 5, 6}) {
      Play whole({kWithPositions, Pass::weight_gradient, DataType::fp64});
      whole.run(library);
      Values sum;
      for (std::int64_t r = 0; r < shards; ++r) {
        Play shard(placed(positions(shards), Pass::weight_gradient, DataType::fp64, {.tensor = r}));
        const std::int64_t count = kTokens / shards * kHidden;
        shard.write("dx", part(whole.read("dy"), r * count, count));
        shard.run(library);
        add(sum, shard.read("dtable"));
      }
      if (shards == 1) {
        EXPECT_EQ(sum, whole.read("dpositions"));
      }
      expect_near(sum, whole.read("dpositions"), 1e-15, "positions' gradient");
    }
}

TEST(Bias, AfterASumOfPartialProductsIsLinear) {
  // A row-parallel product: each rank has a part of the inputs, the sum over ranks is the product without its bias.
  constexpr std::int64_t kInputs = 12, kOutputs = 7, kRanks = 3, kShare = kInputs / kRanks;
  for (const Library library : kLibraries) {
    Play whole({ops::Linear{5, kInputs, kOutputs, true}, Pass::forward, DataType::fp64});
    const Values x = whole.read("x"), weight = whole.read("weight");
    Values sum;
    for (std::int64_t r = 0; r < kRanks; ++r) {
      const auto columns = [&](const Values& all, std::int64_t rows) {
        Values some;
        for (std::int64_t i = 0; i < rows; ++i) append(some, part(all, i * kInputs + r * kShare, kShare));
        return some;
      };
      Play partial({ops::Linear{5, kShare, kOutputs}, Pass::forward, DataType::fp64});
      partial.write("x", columns(x, 5));
      partial.write("weight", columns(weight, kOutputs));
      partial.run(library);
      add(sum, partial.read("y"));
    }
    Play bias({ops::Bias{5, kOutputs}, Pass::forward, DataType::fp64});
    bias.write("x", sum);
    bias.write("bias", whole.read("bias"));
    bias.run(library);
    whole.run(library);
    expect_near(bias.read("x"), whole.read("y"), 1e-14, "y");
  }
}

TEST(Bias, HasTheGradientOfTheBiasOfLinear) {
  for (const Library library : kLibraries)
    for (const DataType type : kTypes) {
      Play linear({ops::Linear{33, 4, 7, true}, Pass::weight_gradient, type});
      Play bias({ops::Bias{33, 7}, Pass::weight_gradient, type});
      bias.write("dx", linear.read("dy"));
      linear.run(library);
      bias.run(library);
      EXPECT_EQ(bias.read("dbias"), linear.read("dbias"));
    }
}

TEST(ShardedAdamW, GivesAnElementTheSameBitsInAnyShard) {
  // 96 elements in one piece and in equal shards; decay ends in front of, on, and behind the edge of a shard.
  const char* names[] = {"gradient", "weight", "first_moment", "second_moment"};
  for (const Library library : kLibraries)
    for (const DataType type : kTypes)
      for (const std::int64_t decayed : {0, 31, 32, 50, 96})
        for (const std::int64_t shards : {1, 3, 6}) {
          const std::int64_t count = 96 / shards;
          Play whole({ops::AdamW{.elements = 96, .decayed = decayed}, Pass::update, type});
          std::vector<Play> ranks;
          for (std::int64_t r = 0; r < shards; ++r) {
            const ops::AdamW shard{.elements = count, .decayed = decayed, .shards = shards};
            Play& play = ranks.emplace_back(placed(shard, Pass::update, type, {.data = r}));
            for (const char* name : names) play.write(name, part(whole.read(name), r * count, count));
            play.run(library);
          }
          whole.run(library);
          for (const char* name : names) {
            Values stacked;
            for (const Play& play : ranks) append(stacked, play.read(name));
            EXPECT_EQ(stacked, whole.read(name)) << name;
          }
        }
}

/// Sums over the ranks of `norm`, where tensor rank t holds `bucket(t)`, shared by `data` ranks.
Values summed(const ops::SquaredNorm& norm, std::int64_t tensor, std::int64_t data, Library library,
              const std::vector<Values>& buckets) {
  Values sums;
  for (std::int64_t t = 0; t < tensor; ++t)
    for (std::int64_t d = 0; d < data; ++d) {
      Play play(placed(norm, Pass::update, DataType::fp64, {t, d}));
      play.write("gradient", part(buckets[static_cast<std::size_t>(t)],
                                  norm.shards > 1 ? d * norm.elements : 0, norm.elements));
      play.run(library);
      add(sums, play.read("sums"));
    }
  return sums;
}

TEST(SquaredNorm, OverShardsAndCopiesAddsUpToTheWhole) {
  // Two tensor-parallel ranks hold 96 elements each, of which those from 40 on are the same on both. One infinity lies
  // among them; three data-parallel ranks hold a third of a bucket, or all of it.
  constexpr std::int64_t kElements = 96, kOnceFrom = 40;
  Play any({ops::SquaredNorm{.elements = 2 * kElements, .first = true}, Pass::update, DataType::fp64});
  for (const Library library : kLibraries)
    for (const bool finite : {true, false}) {
      const Values values = any.read("gradient");
      std::vector<Values> buckets{part(values, 0, kElements), part(values, kElements, kElements)};
      if (!finite) buckets[0][70] = std::numeric_limits<double>::infinity();
      for (std::int64_t i = kOnceFrom; i < kElements; ++i)
        buckets[1][static_cast<std::size_t>(i)] = buckets[0][static_cast<std::size_t>(i)];
      double squares = 0;
      for (const double x : buckets[0]) squares += x * x;
      for (const double x : part(buckets[1], 0, kOnceFrom)) squares += x * x;
      const ops::SquaredNorm sharded{
          .elements = kElements / 3, .first = true, .shards = 3, .once_from = kOnceFrom, .copies = 2};
      const ops::SquaredNorm replicated{
          .elements = kElements, .first = true, .once_from = kOnceFrom, .copies = 2, .replicas = 3};
      for (const ops::SquaredNorm& norm : {sharded, replicated}) {
        const Values sums = summed(norm, 2, 3, library, buckets);
        EXPECT_EQ(sums[0], 0);
        if (finite) {
          EXPECT_NEAR(sums[1], squares, 1e-13 * squares);
        }
        EXPECT_EQ(sums[2], finite ? 0 : 1);
      }
    }
}

}  // namespace
}  // namespace ds::kernels::test
