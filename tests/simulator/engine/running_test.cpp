#include "simulator/engine/running.h"

#include <gtest/gtest.h>

namespace ds::engine {
namespace {

/// Link 0 is shared; each flow has one of its own that lets through what it takes alone.
struct World {
  explicit World(std::initializer_list<double> rates) {
    for (const double rate : rates) {
      RankLinks::Flow flow{
          .links = {0, static_cast<std::int32_t>(capacities.size())}, .count = 2, .rate = rate};
      capacities.push_back(rate);
      flows.push_back(flow);
    }
  }
  std::vector<double> capacities{1.0};
  std::vector<RankLinks::Flow> flows;
  const RankLinks::Flow* flow(std::size_t i) const { return &flows[i]; }
};

/// All communications of 1 s begin at 0, in lanes 0, 1, ...; returns when each ends.
std::vector<double> ends_of(const World& world) {
  Running running({1}, {}, world.capacities);
  for (std::size_t i = 0; i < world.flows.size(); ++i) {
    const Front front{0, static_cast<std::int32_t>(i)};
    const RankLinks::Flow* flow = world.flow(i);
    running.communicate({&front, 1}, {1}, {&flow, 1});
  }
  std::vector<double> ends(world.flows.size());
  while (!running.empty())
    for (const Front& front : running.next())
      ends[static_cast<std::size_t>(front.lane)] = running.now().value;
  return ends;
}

TEST(Running, CommunicationsThatFitBesideEachOtherTakeWhatTheyTakeAlone) {
  const std::vector<double> ends = ends_of(World({0.5, 0.5}));
  EXPECT_NEAR(ends[0], 1, 1e-12);
  EXPECT_NEAR(ends[1], 1, 1e-12);
}

TEST(Running, TwoThatEachFillALinkTakeTwice) {
  const std::vector<double> ends = ends_of(World({1, 1}));
  EXPECT_NEAR(ends[0], 2, 1e-12);
  EXPECT_NEAR(ends[1], 2, 1e-12);
}

/// Max-min fair: the small one has its 0.25. The others share 0.75: 0.375 each of 1. After 1 s 0.625 of each is left, and
/// half of the link each: 1.25 s more.
TEST(Running, ASmallFlowIsNotSlowedDown) {
  const std::vector<double> ends = ends_of(World({1, 0.25, 1}));
  EXPECT_NEAR(ends[1], 1, 1e-12);
  EXPECT_NEAR(ends[0], 2.25, 1e-12);
  EXPECT_NEAR(ends[2], 2.25, 1e-12);
}

/// The second begins at 0.5 s, when the first has half to go: until 1.5 s they share; then the second has half to go, alone.
TEST(Running, WhoComesLaterShares) {
  const World world({1, 1});
  Running running({1}, {}, world.capacities);
  const Front first{0, 0}, clock{0, 1}, second{0, 2};
  const RankLinks::Flow *one = world.flow(0), *other = world.flow(1);
  running.communicate({&first, 1}, {1}, {&one, 1});
  running.compute(clock, {0.5});
  EXPECT_EQ(running.next().front().lane, clock.lane);
  running.communicate({&second, 1}, {1}, {&other, 1});
  EXPECT_EQ(running.next().front().lane, first.lane);
  EXPECT_NEAR(running.now().value, 1.5, 1e-12);
  EXPECT_EQ(running.next().front().lane, second.lane);
  EXPECT_NEAR(running.now().value, 2, 1e-12);
  EXPECT_TRUE(running.empty());
}

/// Four ranks that compute on two cores take twice as long; a communication beside them does not.
TEST(Running, CoresAreSharedByWhoComputes) {
  Running running({2, 2}, {2}, {1.0});
  const Front a{0, 0}, b{1, 0}, message{0, 1};
  running.compute(a, {1});
  running.compute(b, {1});
  running.communicate({&message, 1}, {1.5}, {});
  EXPECT_EQ(running.next().front().lane, message.lane);
  EXPECT_NEAR(running.now().value, 1.5, 1e-12);
  EXPECT_EQ(running.next().size(), 2U);
  EXPECT_NEAR(running.now().value, 2, 1e-12);
}

}  // namespace
}  // namespace ds::engine
