// Formulas against the steps of the catalogue, played message by message.
#include <gtest/gtest.h>

#include <algorithm>

#include "simulator/network/step_times.h"
#include "tests/simulator/links/topologies.h"

namespace ds::links {
namespace {

constexpr double kRate = 3, kLatency = 0.25, kBytes = 100;
constexpr Kind kKinds[] = {Kind::ring, Kind::switched, Kind::fully_connected};

/// On a ring of links a message has as many of them to go as ranks lie between, and takes the shorter way if it may.
network::Wires wires(Kind kind, std::int32_t ranks, bool one_way) {
  network::Wires wires;
  wires.capacities.assign(kind == Kind::fully_connected ? ranks * ranks : 2 * ranks, kRate);
  for (std::int32_t from = 0; from < ranks; ++from)
    for (std::int32_t to = 0; to < ranks; ++to) {
      network::Route& route = wires.routes.emplace_back();
      if (kind == Kind::fully_connected) {
        route.add(from * ranks + to);
        route.latency = Seconds{kLatency};
      } else if (kind == Kind::switched) {
        route.add(from);
        route.add(ranks + to);
        route.latency = Seconds{2 * kLatency};
      } else {
        const std::int32_t links = (to - from + ranks) % ranks;
        const bool forwards = one_way || 2 * links <= ranks;
        for (std::int32_t i = 0; i < (forwards ? links : ranks - links); ++i)
          route.add(forwards ? (from + i) % ranks : ranks + (from - i + ranks) % ranks);
        route.latency = kLatency * Seconds{static_cast<double>(forwards ? links : ranks - links)};
      }
    }
  return wires;
}

double played(const Spec& spec, collective::Algorithm algorithm) {
  const auto ranks = static_cast<std::int32_t>(spec.ranks());
  const collective::Steps plan = collective::steps(spec.what, algorithm, ranks);
  const bool one_way = spec.what != Collective::broadcast;
  const auto ends = network::step_times(plan, spec.bytes / plan.chunks,
                                        wires(spec.dimensions.front().kind, ranks, one_way));
  return std::ranges::max_element(ends)->value;
}

struct Both {
  Algorithm ours;
  collective::Algorithm theirs;
};
constexpr Both kBoth[] = {{Algorithm::ring, collective::Algorithm::ring},
                          {Algorithm::direct, collective::Algorithm::direct},
                          {Algorithm::halving_doubling, collective::Algorithm::halving_doubling}};

/// Rings of at most 8, whose routes fit into the catalogue's player. Halving and doubling on a ring of links is not in lockstep, so
/// that is apart.
TEST(AlongDimension, TakesAsLongAsTheStepsOfTheCatalogue) {
  int compared = 0;
  for (const Kind kind : kKinds)
    for (const auto what : collective::kCollectives)
      for (const Both& algorithm : kBoth)
        for (const std::int32_t ranks : {1, 2, 3, 4, 5, 7, 8}) {
          if (!collective::has(what, algorithm.theirs, ranks)) continue;
          if (kind == Kind::ring && algorithm.ours == Algorithm::halving_doubling && ranks > 2) continue;
          SCOPED_TRACE(testing::Message() << name_of(kind) << ' ' << spelling(what) << ' '
                                          << name_of(algorithm.ours) << ' ' << ranks);
          const Spec spec = over(kind, ranks, what, algorithm.ours, kBytes, kRate, kLatency);
          const double right = ranks == 1 ? 0 : played(spec, algorithm.theirs);
          EXPECT_NEAR(time_of(spec).value, right, 1e-12 * right);
          ++compared;
        }
  EXPECT_GT(compared, 150);
}

/// Four ranks, 4 bytes, rate 1, no latency. First everyone sends 2 bytes to the rank opposite, over two links, each of which has two
/// such messages: 4 s. Then ranks 0 and 2 send 1 byte over one link, ranks 1 and 3 over three; again two share each link: 2 s.
TEST(AlongDimension, HalvingOnARingOfLinksGoesTheLongWayRound) {
  const Spec spec = over(Kind::ring, 4, Collective::reduce_scatter, Algorithm::halving_doubling, 4, 1, 0);
  EXPECT_DOUBLE_EQ(time_of(spec).value, 4 + 2);
}

/// Six ranks: 15 messages of 10 bytes one after the other, each 0.25 + 10/3.
TEST(AlongDimension, RelaySendsOneMessageAtATime) {
  for (const Kind kind : kKinds) {
    const Spec spec = over(kind, 6, Collective::all_to_all, Algorithm::relay, 60, kRate, kLatency);
    const double hop = (kind == Kind::switched ? 2 : 1) * kLatency;
    EXPECT_DOUBLE_EQ(time_of(spec).value, 15 * (hop + 10.0 / 3));
  }
}

/// Everyone to everyone at once: five messages share the link to a switch, and have each its own without one. On a ring the
/// shorter way round: three links at most, of which each has 1 + 2 + 3 messages that go forwards.
TEST(AlongDimension, AllToAllSharesWhatLinksThereAre) {
  const auto time = [](Kind kind) {
    return time_of(over(kind, 6, Collective::all_to_all, Algorithm::direct, 60, kRate, 0)).value;
  };
  EXPECT_DOUBLE_EQ(time(Kind::switched), 5 * 10.0 / 3);
  EXPECT_DOUBLE_EQ(time(Kind::fully_connected), 10.0 / 3);
  EXPECT_DOUBLE_EQ(time(Kind::ring), (1 + 2 + 3) * 10.0 / 3);
}

/// 2 x 3 ranks, 12 bytes: a ring of two with 12 bytes, then full links among three with the 6 that are left, and back.
TEST(AlongDimension, DimensionsFollowOneAnotherWithWhatIsLeft) {
  Spec spec = over(Kind::ring, 2, Collective::reduce_scatter, Algorithm::ring, 12, 1, 1);
  spec.dimensions.push_back(
      {.kind = Kind::fully_connected, .size = 3, .bytes_per_s = 2, .latency = Seconds{1}});
  spec.algorithms.push_back(Algorithm::direct);
  const double there = (1 + 6) + (1 + 1);
  EXPECT_DOUBLE_EQ(time_of(spec).value, there);
  spec.what = Collective::all_gather;
  EXPECT_DOUBLE_EQ(time_of(spec).value, there);
  spec.what = Collective::all_reduce;
  EXPECT_DOUBLE_EQ(time_of(spec).value, 2 * there);
  spec.what = Collective::shift;  // the message as it is
  EXPECT_DOUBLE_EQ(time_of(spec).value, (1 + 12) + (1 + 6));
}

TEST(AlongDimension, NoBytesTakeTheirLatencyAndOneRankTakesNoTime) {
  for (const Kind kind : kKinds) {
    EXPECT_DOUBLE_EQ(time_of(over(kind, 4, Collective::all_reduce, Algorithm::ring, 0, kRate, 1)).value,
                     kind == Kind::switched ? 12 : 6);
    EXPECT_EQ(time_of(over(kind, 1, Collective::all_reduce, Algorithm::direct, 1e18, kRate, 1)).value, 0);
  }
}

/// Bytes a rank sends over a link do not depend on how they are counted: ranks x what the busiest link of a ring carries.
TEST(AlongDimension, LoadsAreWhatTheAlgorithmSends) {
  const Explained ring = explain(over(Kind::ring, 4, Collective::all_reduce, Algorithm::ring, 40, 10, 1));
  EXPECT_DOUBLE_EQ(ring.loads[0].busiest_bytes, 60);  // 6 steps of 10
  EXPECT_DOUBLE_EQ(ring.loads[0].bytes, 240);
  EXPECT_EQ(ring.steps, 6);
  EXPECT_DOUBLE_EQ(ring.bare.value, 6);
  EXPECT_DOUBLE_EQ(ring.time.value, 12);
  EXPECT_DOUBLE_EQ(*ring.algorithm_bytes_per_s, 40.0 / 12);
  EXPECT_DOUBLE_EQ(*ring.bus_bytes_per_s, 40.0 / 12 * 1.5);
}

}  // namespace
}  // namespace ds::links
