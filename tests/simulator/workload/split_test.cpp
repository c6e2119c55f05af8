#include "simulator/workload/split.h"

#include <gtest/gtest.h>

namespace ds::workload {
namespace {

using Split = std::vector<std::vector<std::int64_t>>;

TEST(Split, ShortStagesAreTheLastTheFirstTheLastButOneTheSecond) {
  EXPECT_EQ(split_layers(12, 4, 1), (Split{{3}, {3}, {3}, {3}}));
  EXPECT_EQ(split_layers(15, 4, 1), (Split{{4}, {4}, {4}, {3}}));       // one short: the last
  EXPECT_EQ(split_layers(14, 4, 1), (Split{{3}, {4}, {4}, {3}}));       // two: the first as well
  EXPECT_EQ(split_layers(13, 4, 1), (Split{{3}, {4}, {3}, {3}}));       // three: the last but one
  EXPECT_EQ(split_layers(11, 5, 1), (Split{{2}, {2}, {3}, {2}, {2}}));  // four of five: the middle stays long
  EXPECT_EQ(split_layers(126, 16, 1),                                   // 16 x 8 - 126 = 2 short
            (Split{{7}, {8}, {8}, {8}, {8}, {8}, {8}, {8}, {8}, {8}, {8}, {8}, {8}, {8}, {8}, {7}}));
}

TEST(Split, FirstChunksOfTheFirstStageAndLaterChunksOfTheOthersAreShort) {
  EXPECT_EQ(split_layers(14, 4, 2), (Split{{1, 2}, {2, 2}, {2, 2}, {2, 1}}));  // stages 3 4 4 3
  EXPECT_EQ(split_layers(6, 4, 2), (Split{{0, 1}, {1, 1}, {1, 1}, {1, 0}}));   // embedding and head alone
  EXPECT_EQ(split_layers(10, 2, 3), (Split{{1, 2, 2}, {2, 2, 1}}));            // stages 5 5
}

TEST(Split, AnEmbeddingAndAHeadMayCountAsLayers) {
  EXPECT_EQ(split_layers(30, 4, 1, {1, 1}),
            (Split{{7}, {8}, {8}, {7}}));  // as Megatron-Core accounts for both
  EXPECT_EQ(split_layers(32, 4, 1, {0, 4}), (Split{{9}, {9}, {9}, {5}}));
  EXPECT_EQ(split_layers(30, 4, 2, {1, 1}), (Split{{3, 4}, {4, 4}, {4, 4}, {4, 3}}));
  EXPECT_EQ(split_layers(14, 4, 2, {1, 1, true}),
            (Split{{1, 1}, {2, 2}, {2, 2}, {2, 2}}));  // down and back up
  EXPECT_EQ(split_layers(7, 1, 1, {2, 3}), (Split{{7}}));
  EXPECT_EQ(split_layers(4, 4, 1, {2, 0}), (Split{{-1}, {2}, {2}, {1}}));  // which rules refuse
}

TEST(Split, OneStageHoldsEverything) { EXPECT_EQ(split_layers(7, 1, 1), (Split{{7}})); }

}  // namespace
}  // namespace ds::workload
