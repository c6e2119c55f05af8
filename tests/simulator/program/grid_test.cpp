// Ranks, their places along the axes, and the groups that these make.
#include "simulator/program/grid.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>

namespace ds::program {
namespace {

constexpr Grid::Sizes kSizes{.tp = 2, .cp = 3, .dp_shard = 2, .dp_replica = 2, .pp = 4, .ep = 4, .etp = 1};

TEST(Grid, NumbersRanksByPlacementTheFirstAxisFastest) {
  const Grid grid({.tp = 2, .dp_shard = 3, .pp = 4}, "tp-cp-ep-dp-pp");
  EXPECT_EQ(grid.ranks(), 24);
  EXPECT_EQ(grid.at(2 * 3 * 2 + 2 * 1 + 1), (Coordinates{.tp = 1, .cp = 0, .dp = 1, .pp = 2}));
  const Grid stages_first({.tp = 2, .dp_shard = 3, .pp = 4}, "tp-pp-dp");
  EXPECT_EQ(stages_first.at(2 * 1 + 1), (Coordinates{.tp = 1, .cp = 0, .dp = 0, .pp = 1}));
  EXPECT_EQ(stages_first.members(kDataGroup, 3), (std::vector{3, 11, 19}));
}

TEST(Grid, CoordinatesNameEveryRankOnce) {
  for (const char* placement : {"tp-cp-ep-dp-pp", "dp-tp-cp-pp", "cp-tp-dp-pp"}) {
    const Grid grid({.tp = 2, .cp = 3, .dp_shard = 2, .dp_replica = 2, .pp = 4}, placement);
    for (std::int32_t rank = 0; rank < grid.ranks(); ++rank)
      EXPECT_EQ(grid.rank_at(grid.at(rank)), rank) << placement;
  }
}

/// The rank is in one group, and all of its members name the same one.
std::vector<std::int32_t> members_of(const Grid& grid, const Group& group, std::int32_t rank) {
  std::vector<std::int32_t> members = grid.members(group, rank);
  EXPECT_EQ(std::ranges::count(members, rank), 1);
  EXPECT_EQ(std::ssize(members), grid.count(group, rank));
  EXPECT_EQ(members[static_cast<std::size_t>(grid.index(group, rank))], rank);
  for (const std::int32_t member : members) EXPECT_EQ(grid.members(group, member), members);
  return members;
}

/// Each rank is in one group of every kind, and groups do not overlap.
TEST(Grid, GroupsOfAKindShareOutTheRanks) {
  const Grid grid(kSizes, "tp-cp-ep-dp-pp");
  for (unsigned axes = 0; axes < 256; ++axes) {
    const bool dense = (axes & 15U) != 0, expert = (axes & 224U) != 0;
    if (dense && expert) continue;  // of one factorisation or the other
    const Group group{static_cast<std::uint8_t>(axes), Members::all};
    std::set<std::int32_t> seen;
    for (std::int32_t rank = 0; rank < grid.ranks(); ++rank) {
      const std::vector<std::int32_t> members = members_of(grid, group, rank);
      if (rank == members.front()) seen.insert(members.begin(), members.end());
    }
    EXPECT_EQ(std::ssize(seen), grid.ranks());
  }
}

/// 2 x 3 x 4 = 24 dense ranks a stage are 1 x 4 x 6 for the experts.
TEST(Grid, ExpertsFactorTheSameRanksInTheirOwnWay) {
  const Grid grid(kSizes, "tp-cp-ep-dp-pp");
  EXPECT_EQ(grid.size(Axis::edp), 6);
  EXPECT_EQ(grid.members(group_over({Axis::ep}), 5), (std::vector{4, 5, 6, 7}));
  EXPECT_EQ(grid.members(group_over({Axis::edp}), 5), (std::vector{1, 5, 9, 13, 17, 21}));
  EXPECT_EQ(grid.members(group_over({Axis::ep, Axis::edp}), 30).front(), 24);  // stage 1
}

TEST(Grid, EndsAndMirrorsOfAPipeline) {
  const Grid grid({.tp = 2, .pp = 4}, "tp-cp-ep-dp-pp");
  EXPECT_EQ(grid.members(kPipelineEnds, 1), (std::vector{1, 7}));
  EXPECT_EQ(grid.members(kPipelineEnds, 7), (std::vector{1, 7}));
  EXPECT_TRUE(grid.members(kPipelineEnds, 3).empty());
  EXPECT_EQ(grid.members(kMirrors, 2), (std::vector{2, 4}));
  EXPECT_EQ(grid.members(kMirrors, 4), (std::vector{2, 4}));
  EXPECT_EQ(grid.count(kMirrors, 0), 2);
  const Grid odd({.pp = 3}, "pp");
  EXPECT_EQ(odd.members(kMirrors, 1), (std::vector{1}));
}

TEST(Grid, MessagesGoAroundTheEnd) {
  const Grid grid({.tp = 2, .cp = 3, .pp = 4}, "tp-cp-ep-dp-pp");
  EXPECT_EQ(grid.neighbour(kPipeline, 1, 1), 7);
  EXPECT_EQ(grid.neighbour(kPipeline, 1, -1), 19);
  EXPECT_EQ(grid.neighbour(group_over({Axis::cp}), 5, 1), 1);  // a ring over cp, too
}

TEST(Grid, StridesAreThoseOfTheMembersAndSiblingsLeaveStagesOut) {
  const Grid grid({.tp = 8, .dp_shard = 4, .pp = 2}, "tp-cp-ep-dp-pp");
  const Grid::Strides data = grid.strides(kDataGroup, 35);
  EXPECT_EQ(data.first, 35);
  EXPECT_EQ(data.members, (std::vector<Extent>{{4, 8}}));
  EXPECT_EQ(data.siblings, (std::vector<Extent>{{8, 1}}));
}

}  // namespace
}  // namespace ds::program
