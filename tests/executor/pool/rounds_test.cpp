#include "executor/pool/rounds.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace ds::executor {
namespace {

using collective::Collective;
using collective::Steps;
using testing::ElementsAre;

constexpr Exchange kSum{.what = ExchangeKind::collective,
                        .collective = Collective::all_reduce,
                        .algorithm = collective::Algorithm::binomial_tree,
                        .type = DataType::fp32,
                        .elements = 64};

std::vector<std::int32_t> members(const std::vector<MemoryPart>& parts) {
  std::vector<std::int32_t> result;
  for (const MemoryPart& part : parts) result.push_back(part.member);
  return result;
}

TEST(StepRounds, AddInRankOrderWithTheReceiverInItsPlace) {
  const Steps steps{.ranks = 4,
                    .chunks = 1,
                    .steps = {{.transfers = {{3, 1, 0, 1, true}, {0, 1, 0, 1, true}, {2, 1, 0, 1, true}}}}};
  const std::vector<Round> rounds = step_rounds(kSum, steps, 1);
  ASSERT_EQ(rounds.size(), 2);  // its own copy from `from` to `to`, then the step
  ASSERT_EQ(rounds[1].pieces.size(), 1);
  EXPECT_THAT(members(rounds[1].pieces[0].sources), ElementsAre(0, 1, 2, 3));
  EXPECT_THAT(members(rounds[1].pieces[0].destinations), ElementsAre(1));
  EXPECT_THAT(rounds[1].before, testing::UnorderedElementsAre(0, 2, 3));
  EXPECT_THAT(rounds[1].after, ElementsAre());
  // Who sends waits for its receiver, and works nothing off.
  const Round sender = step_rounds(kSum, steps, 2)[1];
  EXPECT_THAT(sender.after, ElementsAre(1));
  EXPECT_TRUE(sender.pieces.empty() && sender.before.empty());
}

TEST(StepRounds, ChunksOfOneSenderAreOnePiece) {
  const Steps steps{
      .ranks = 2, .chunks = 4, .steps = {{.transfers = {{0, 1, 1, 2, false}, {0, 1, 3, 1, true}}}}};
  const std::vector<Round> rounds = step_rounds(kSum, steps, 1);
  const std::vector<Piece>& pieces = rounds.at(1).pieces;
  ASSERT_EQ(pieces.size(), 2);
  EXPECT_THAT(members(pieces[0].sources), ElementsAre(0));
  EXPECT_EQ(pieces[0].sources[0].first, 16);
  EXPECT_EQ(pieces[0].elements, 32);
  EXPECT_THAT(members(pieces[1].sources), ElementsAre(0, 1));
  EXPECT_EQ(pieces[1].destinations[0].first, 48);
}

TEST(Cut, PartsFollowEachOtherAndShareNoCacheLineUnlessTheyAreEqual) {
  for (const std::int64_t elements : {0, 1, 3, 64, 1000, 4096})
    for (const std::int32_t parts : {1, 2, 3, 8}) {
      std::int64_t end = 0;
      for (std::int32_t p = 0; p < parts; ++p) {
        const Extent part = cut(elements, parts, p, DataType::fp64);
        EXPECT_EQ(part.first, end);
        EXPECT_TRUE(elements % parts == 0 || part.first % 8 == 0 || part.count == 0);
        end += part.count;
      }
      EXPECT_EQ(end, elements) << elements << " in " << parts;
    }
}

}  // namespace
}  // namespace ds::executor
