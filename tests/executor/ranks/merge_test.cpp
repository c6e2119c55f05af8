#include "executor/ranks/merge.h"

#include <gtest/gtest.h>

#include "simulator/base/error.h"

namespace ds::executor {
namespace {

StepRecord record(std::int64_t step, double loss, double wall) {
  return {.step = step,
          .loss = loss,
          .grad_norm = 1,
          .wall = {wall},
          .cpu = {wall / 2},
          .tokens_per_s = 64 / wall};
}

program::Timeline rows(std::int32_t rank, double start, double end, double length) {
  return {.rows = {{.rank = rank, .start = {start}, .end = {end}}}, .length = {length}};
}

/// Rank 0 begins step 2 at 10.0 s and takes 2 s; rank 1 begins it 0.5 s later and takes 1.75 s.
std::vector<RunResult> two_ranks() {
  return {{.steps = {record(0, 5, 3), record(1, 4, 2)},
           .held_back_before = 2,
           .held_back_after = 1.25,
           .arena = {1000},
           .resident = {3000},
           .measured = {{.step = 2,
                         .begin = {.wall = {10}},
                         .wall = rows(0, 0.25, 1.5, 2),
                         .cpu = rows(0, 0.25, 1, 1.5)}}},
          {.steps = {record(0, 5, 2.5), record(1, 4, 2.25)},
           .held_back_before = 3,
           .held_back_after = 1,
           .arena = {900},
           .resident = {2000},
           .measured = {{.step = 2,
                         .begin = {.wall = {10.5}},
                         .wall = rows(1, 0.25, 1.5, 1.75),
                         .cpu = rows(1, 0.25, 1, 1.25)}}}};
}

TEST(Merge, StepTimesAreTheSlowestRanks) {
  const PlanResult all = merge(two_ranks());
  ASSERT_EQ(all.steps.size(), 2U);
  EXPECT_EQ(all.steps[0].wall, Seconds{3});
  EXPECT_EQ(all.steps[1].wall, Seconds{2.25});
  EXPECT_EQ(all.steps[1].cpu, Seconds{1.125});
  EXPECT_EQ(all.steps[1].tokens_per_s, 64 / 2.25);
  EXPECT_EQ(all.steps[1].loss, 4);
}

TEST(Merge, SharesOfTheHeldBackLossAddUpAndMemoryIsByRank) {
  const PlanResult all = merge(two_ranks());
  EXPECT_EQ(all.held_back_before, 5);
  EXPECT_EQ(all.held_back_after, 2.25);
  EXPECT_EQ(all.arenas, (std::vector<Bytes>{{1000}, {900}}));
  EXPECT_EQ(all.residents, (std::vector<Bytes>{{3000}, {2000}}));
}

/// The step before ends at 10.5 s, when rank 1 has ended it; this one at 12.25 s (rank 1; rank 0 at 12.0 s).
TEST(Merge, AStepGoesFromTheEndOfTheOneBeforeToItsOwnOnTheRankThatEndsLast) {
  const PlanResult all = merge(two_ranks());
  ASSERT_TRUE(all.measured);
  const program::Timeline& wall = all.measured->wall;
  EXPECT_EQ(wall.length, Seconds{1.75});
  ASSERT_EQ(wall.rows.size(), 2U);
  EXPECT_TRUE(wall.rows[0].rank == 0 && wall.rows[1].rank == 1);
  EXPECT_EQ(wall.rows[0].start, Seconds{-0.25});
  EXPECT_EQ(wall.rows[0].end, Seconds{1});
  EXPECT_EQ(wall.rows[1].start, Seconds{0.25});
  EXPECT_EQ(all.measured->cpu.rows[0].start, Seconds{0.25});
  EXPECT_EQ(all.clock(), &MeasuredStep::wall);
}

TEST(Merge, OneRankStaysAsItIs) {
  const PlanResult all = merge({two_ranks()[0]});
  ASSERT_TRUE(all.measured);
  EXPECT_EQ(all.measured->wall.rows[0].start, Seconds{0.25});
  EXPECT_EQ(all.measured->wall.length, Seconds{2});
  EXPECT_EQ(all.clock(), &MeasuredStep::cpu);
}

TEST(Merge, RanksThatDisagreeOnALossAreAMistake) {
  std::vector<RunResult> ranks = two_ranks();
  ranks[1].steps[1].loss = 4.0000001;
  EXPECT_THROW(merge(ranks), MachineError);
}

TEST(Merge, WithoutAMeasuredStepOnEveryRankThereIsNone) {
  std::vector<RunResult> ranks = two_ranks();
  ranks[0].measured.clear();
  EXPECT_FALSE(merge(ranks).measured);
}

TEST(Merge, OneStepIsPickedByItsNumber) {
  RunResult result;
  for (const std::int64_t step : {2, 3, 4}) result.measured.push_back({.step = step});
  const RunResult one = with_one_step(result, 3);
  ASSERT_EQ(one.measured.size(), 1U);
  EXPECT_EQ(one.measured[0].step, 3);
  EXPECT_TRUE(with_one_step(result, 9).measured.empty());
}

}  // namespace
}  // namespace ds::executor
