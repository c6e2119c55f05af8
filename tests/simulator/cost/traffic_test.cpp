// One node that stands for all, in rounds, is as fast as all steps of all ranks and of the groups beside them, played
// message by message.
#include "simulator/cost/traffic.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <string>

#include "simulator/network/step_times.h"
#include "tests/support/clusters.h"

namespace ds::cost {
namespace {

using collective::Algorithm;
using collective::Collective;
using collective::Steps;
using network::Group;
using network::Topology;

/// The same steps in the asked group and in all groups beside it: group g has ranks g n .. g n + n - 1.
Steps side_by_side(const Steps& one, std::int32_t groups) {
  Steps all{.ranks = one.ranks * groups, .chunks = one.chunks, .steps = {}};
  for (const collective::Step& step : one.steps) {
    collective::Step& wide = all.steps.emplace_back();
    for (std::int32_t g = 0; g < groups; ++g)
      for (collective::Transfer t : step.transfers) {
        t.from += g * one.ranks;
        t.to += g * one.ranks;
        wide.transfers.push_back(t);
      }
  }
  return all;
}

/// Global ranks in that order.
std::vector<std::int32_t> ranks_side_by_side(const Group& group) {
  const Group starts{.first = group.first, .members = group.siblings, .siblings = {}};
  std::vector<std::int32_t> all;
  for (const std::int32_t first : starts.ranks()) {
    Group moved = group;
    moved.first = first;
    for (const std::int32_t rank : moved.ranks()) all.push_back(rank);
  }
  return all;
}

/// The cluster's links without latency.
network::Wires wires(const Topology& topology, const std::vector<std::int32_t>& ranks) {
  network::Wires wires;
  for (const network::Link& link : topology.links()) wires.capacities.push_back(link.rate.value);
  for (const std::int32_t from : ranks)
    for (const std::int32_t to : ranks) {
      wires.routes.push_back(from == to ? network::Route{} : topology.route(from, to));
      wires.routes.back().latency = Seconds{};
    }
  return wires;
}

/// Seconds for a buffer of one byte.
double played(const Topology& topology, const Steps& plan, const std::vector<std::int32_t>& ranks) {
  const auto ends = network::step_times(plan, 1.0 / plan.chunks, wires(topology, ranks));
  return std::ranges::max_element(ends)->value;
}

double folded(const Topology& topology, const Group& group, const auto& traffic_of) {
  const std::vector<Fold> folds = fold(topology, group, group.first);
  EXPECT_EQ(folds.size(), 1U);
  std::vector<double> capacities;
  for (const network::Link& link : topology.folded_links(folds[0].node))
    capacities.push_back(link.rate.value);
  return seconds_per_byte(traffic_of(folds[0]), topology, folds[0].node, capacities);
}

std::string fast_cards() {
  return R"({"gpu": "a100-sxm4-80g", "gpus_per_node": 8, "intra": {"kind": "nvswitch", "bytes_per_s": 100e9},
             "nics": {"count": 8, "bytes_per_s": 60e9}})";
}

struct World {
  std::string name, cluster;
  std::vector<Group> groups;
};

/// Nodes of 8 GPUs. Four cards for eight GPUs; a mesh with a card each; cards so fast that the GPU's own link is what a
/// message inside and one that leaves compete for; an oversubscribed fabric.
std::vector<World> worlds() {
  const std::vector<Group> groups = {
      {.first = 0, .members = {{4, 8}}, .siblings = {{8, 1}}},            // over nodes, all GPUs beside it
      {.first = 0, .members = {{4, 8}}, .siblings = {}},                  // alone
      {.first = 0, .members = {{8, 1}}, .siblings = {{4, 8}}},            // a node
      {.first = 0, .members = {{4, 1}}, .siblings = {{2, 4}, {4, 8}}},    // half a node
      {.first = 0, .members = {{4, 2}}, .siblings = {{2, 1}, {4, 8}}},    // every second GPU
      {.first = 0, .members = {{32, 1}}, .siblings = {}},                 // everything
      {.first = 0, .members = {{2, 4}, {4, 8}}, .siblings = {{4, 1}}},    // two GPUs of every node
      {.first = 0, .members = {{4, 1}, {2, 16}}, .siblings = {{4, 4}}}};  // half of every second node
  return {{"cards shared", R"({"node": "aws-p4de", "nodes": 4})", groups},
          {"mesh", R"({"node": "mi300x-8", "nodes": 4})", groups},
          {"fast cards", R"({"node": )" + fast_cards() + R"(, "nodes": 4})", groups},
          {"oversubscribed",
           R"({"node": "dgx-a100-80g", "nodes": 4, "fabric": {"kind": "fat-tree", "oversubscription": 3}})",
           groups}};
}

void for_each_group(const auto& visit) {
  for (const World& world : worlds()) {
    const Topology topology(support::cluster(world.cluster));
    for (std::size_t i = 0; i < world.groups.size(); ++i) {
      SCOPED_TRACE(world.name + ", group " + std::to_string(i));
      visit(topology, world.groups[i]);
    }
  }
}

constexpr Collective kHalves[] = {Collective::all_reduce, Collective::all_gather, Collective::reduce_scatter};

void expect_equal(const Topology& topology, const Group& group, const Steps& plan, const auto& traffic_of) {
  const auto groups = static_cast<std::int32_t>(ranks_side_by_side(group).size()) / group.size();
  const double right = played(topology, side_by_side(plan, groups), ranks_side_by_side(group));
  EXPECT_NEAR(folded(topology, group, traffic_of) / right, 1, 1e-9);
  const Traffic traffic = traffic_of(fold(topology, group, group.first)[0]);
  EXPECT_EQ(traffic.hops_inside + traffic.hops_across, static_cast<double>(plan.steps.size()));
}

TEST(Traffic, DirectIsAsItsStepsPlayed) {
  for_each_group([](const Topology& topology, const Group& group) {
    for (const Collective what : kHalves)
      expect_equal(topology, group, collective::steps(what, Algorithm::direct, group.size()),
                   [&](const Fold& fold) { return direct_traffic(what, fold); });
  });
}

TEST(Traffic, StepsThatAreAlikeOnAllRanksAreTheirTrafficOnOneNode) {
  for_each_group([](const Topology& topology, const Group& group) {
    for (const Collective what : kHalves) {
      const Steps plan = collective::steps(what, Algorithm::halving_doubling, group.size());
      EXPECT_TRUE(all_send_alike(plan));
      expect_equal(topology, group, plan, [&](const Fold& fold) { return traffic_of(plan, fold); });
    }
  });
}

/// Of groups of 4 on nodes of 6, one lies in a node and one is cut in two: each of the six GPUs sends once in every step.
TEST(Traffic, StepsOfGroupsThatNodesCutAreSentByTheMembersThatAreThere) {
  const Topology topology(
      support::cluster(R"({"nodes": 2, "node": {"gpu": "a100-sxm4-80g", "gpus_per_node": 6,
      "intra": {"kind": "nvswitch", "bytes_per_s": 300e9}, "nics": {"count": 6, "bytes_per_s": 25e9}}})"));
  const Group group{.first = 0, .members = {{4, 1}}, .siblings = {{3, 4}}};
  const Steps plan = collective::steps(Collective::all_reduce, Algorithm::halving_doubling, 4);
  for (const std::int32_t start : {0, 4, 8})
    for (const Fold& part : fold(topology, group, start))
      for (const Round& round : traffic_of(plan, part).rounds) {
        std::vector<std::int32_t> senders;
        for (const NodeMessage& message : round.messages) {
          senders.push_back(message.from);
          EXPECT_TRUE(message.to >= 0 && message.to < 6) << message.to;
          EXPECT_NE(message.across, message.from != message.to);
        }
        std::ranges::sort(senders);
        EXPECT_EQ(senders, (std::vector<std::int32_t>{0, 1, 2, 3, 4, 5})) << "group from " << start;
      }
}

TEST(Traffic, ATreesStepsAreNotAlikeOnAllRanks) {
  EXPECT_FALSE(all_send_alike(collective::steps(Collective::all_reduce, Algorithm::binomial_tree, 8)));
  EXPECT_FALSE(all_send_alike(collective::steps(Collective::broadcast, Algorithm::ring, 8)));
}

TEST(Traffic, AShiftIsAsItsStepPlayed) {
  for_each_group([](const Topology& topology, const Group& group) {
    expect_equal(topology, group, collective::steps(Collective::shift, Algorithm::ring, group.size()),
                 [&](const Fold& fold) { return ring_traffic(Collective::shift, fold); });
  });
}

/// With one member a node, or in one node without wires for pairs, there is one ring.
TEST(Traffic, OneRingIsAsItsStepsPlayed) {
  int groups = 0;
  for_each_group([&](const Topology& topology, const Group& group) {
    const Fold one = fold(topology, group, group.first)[0];
    if (one.members[0].size() > 1 && (one.nodes > 1 || topology.links_of(one.node).mesh)) return;
    for (const Collective what : kHalves)
      expect_equal(topology, group, collective::steps(what, Algorithm::ring, group.size()),
                   [&](const Fold& fold) { return ring_traffic(what, fold); });
    ++groups;
  });
  EXPECT_GE(groups, 10);
}

/// Several rings: ring r goes through the members of each node in order, turned by r; each carries its part of the
/// buffer. All together over the steps of one all_reduce.
Steps turned_rings(const Fold& fold, const std::vector<std::vector<std::int32_t>>& by_node) {
  const auto n = fold.ranks;
  const auto rings = static_cast<std::int32_t>(by_node[0].size());
  Steps plan{.ranks = n, .chunks = n * rings, .steps = {}};
  for (std::int32_t s = 0; s < 2 * (n - 1); ++s) {
    collective::Step& step = plan.steps.emplace_back();
    for (std::int32_t r = 0; r < rings; ++r) {
      std::vector<std::int32_t> order;
      for (const std::vector<std::int32_t>& members : by_node)
        for (std::int32_t i = 0; i < rings; ++i) order.push_back(members[(i + r) % rings]);
      for (std::int32_t i = 0; i < n; ++i)
        step.transfers.push_back({.from = order[i], .to = order[(i + 1) % n], .first = 0, .count = 1});
    }
  }
  return plan;
}

/// Not on a mesh, where the rings of a real library take the wires of all pairs, and these only those of neighbours.
TEST(Traffic, TurnedRingsAreAsTheirStepsPlayed) {
  for (const std::string& node : {std::string(R"("aws-p4de")"), std::string(R"("dgx-h100")"), fast_cards()}) {
    SCOPED_TRACE(node);
    const Topology topology(support::cluster(R"({"node": )" + node + R"(, "nodes": 3})"));
    for (const std::int32_t members : {2, 4, 8}) {
      SCOPED_TRACE(members);
      const Group group{.first = 0, .members = {{members, 1}, {3, 8}}, .siblings = {{8 / members, members}}};
      const Fold one = fold(topology, group, group.first)[0];
      std::vector<std::vector<std::int32_t>> by_node(3);  // places in the group
      for (std::int32_t i = 0; i < group.size(); ++i) by_node[i / members].push_back(i);
      const double right =
          played(topology, side_by_side(turned_rings(one, by_node), 8 / members), ranks_side_by_side(group));
      const auto traffic = [](const Fold& fold) { return ring_traffic(Collective::all_reduce, fold); };
      EXPECT_NEAR(folded(topology, group, traffic) / right, 1, 1e-9);
    }
  }
}

/// All of the buffer to partners at doubling distance; of an all_gather, what there is of it.
TEST(Traffic, RecursiveDoublingIsAsItsStepsPlayed) {
  for_each_group([](const Topology& topology, const Group& group) {
    const std::int32_t n = group.size();
    Steps plan{.ranks = n, .chunks = n, .steps = {}};
    for (std::int32_t distance = 1; distance < n; distance *= 2) {
      collective::Step& step = plan.steps.emplace_back();
      for (std::int32_t r = 0; r < n; ++r)
        step.transfers.push_back({.from = r, .to = r ^ distance, .first = 0, .count = n});
    }
    expect_equal(topology, group, plan,
                 [](const Fold& fold) { return recursive_doubling_traffic(Collective::all_reduce, fold); });
    expect_equal(topology, group, collective::steps(Collective::all_gather, Algorithm::halving_doubling, n),
                 [](const Fold& fold) { return recursive_doubling_traffic(Collective::all_gather, fold); });
  });
}

/// Shares of the buffer that the members of the folded node send in all rounds, inside and to other nodes.
struct Sent {
  double inside{}, across{};
};
Sent sent(const Traffic& traffic) {
  Sent sum;
  for (const Round& round : traffic.rounds) {
    for (const NodeMessage& message : round.messages)
      (message.across ? sum.across : sum.inside) += round.repeats * message.share;
    for (const Spread& spread : round.spreads)
      sum.inside += round.repeats * spread.share * static_cast<double>(spread.members.size());
  }
  return sum;
}

Group of_nodes(std::int32_t members, std::int32_t nodes) {
  return {.first = 0, .members = {{members, 1}, {nodes, 8}}, .siblings = {}};
}

/// Bruck's blocks, one by one: each goes on by the bits of its way. So many are sent by rank 0, and all of them arrive.
TEST(Traffic, BrucksBlocksGoByTheBitsOfTheirWay) {
  const Topology topology(support::cluster(R"({"node": "dgx-h100", "nodes": 8})"));
  for (const auto& [members, nodes] : {std::pair(8, 1), {5, 1}, {8, 4}, {3, 7}, {1, 8}}) {
    const std::int32_t n = members * nodes;
    SCOPED_TRACE(n);
    double blocks = 0;
    for (std::int32_t way = 1; way < n; ++way) blocks += std::popcount(static_cast<unsigned>(way));
    const Group group = of_nodes(members, nodes);
    const Fold one = fold(topology, group, 0)[0];
    const auto moved = [&](Collective what) {
      const Sent sum = sent(bruck_traffic(what, one));
      return (sum.inside + sum.across) / members;
    };
    EXPECT_NEAR(moved(Collective::all_to_all), blocks / n, 1e-12);
    EXPECT_NEAR(moved(Collective::all_gather), (n - 1.0) / n, 1e-12);
    EXPECT_NEAR(moved(Collective::reduce_scatter), (n - 1.0) / n, 1e-12);
    const Traffic traffic = bruck_traffic(Collective::all_to_all, one);
    EXPECT_EQ(traffic.hops_inside + traffic.hops_across, std::bit_width(static_cast<unsigned>(n - 1)));
  }
}

/// A rank in a grid sends what it sends in a ring, in the steps of the catalogue.
TEST(Traffic, AGridMovesWhatARingDoesInFewerSteps) {
  for_each_group([](const Topology& topology, const Group& group) {
    const Fold one = fold(topology, group, group.first)[0];
    const Traffic grid = grid_traffic(one);
    const Traffic steps =
        traffic_of(collective::steps(Collective::all_reduce, Algorithm::grid2d, group.size()), one);
    EXPECT_NEAR(sent(grid).across, sent(steps).across, 1e-9);
    EXPECT_NEAR(sent(grid).inside, sent(steps).inside, 1e-9);
    EXPECT_EQ(grid.hops_inside, steps.hops_inside);
    EXPECT_EQ(grid.hops_across, steps.hops_across);
    const Sent ring = sent(ring_traffic(Collective::all_reduce, one));
    EXPECT_NEAR(sent(grid).inside + sent(grid).across, ring.inside + ring.across, 1e-9);
    EXPECT_LE(grid.hops_inside + grid.hops_across, 2.0 * (group.size() - 1));
  });
}

/// On one node two levels are one: the same bytes over the same links, and as many hops.
TEST(Traffic, AHierarchyOfOneNodeIsFlat) {
  int groups = 0;
  for_each_group([&](const Topology& topology, const Group& group) {
    const Fold one = fold(topology, group, group.first)[0];
    if (one.nodes > 1) return;
    ++groups;
    for (const Collective what : {Collective::all_reduce, Collective::all_gather, Collective::reduce_scatter,
                                  Collective::all_to_all}) {
      const auto levels = [&](const Fold& fold) { return hierarchical_traffic(what, fold); };
      const auto flat = [&](const Fold& fold) {
        return what == Collective::all_to_all ? direct_traffic(what, fold) : ring_traffic(what, fold);
      };
      EXPECT_NEAR(folded(topology, group, levels) / folded(topology, group, flat), 1, 1e-9);
      EXPECT_EQ(levels(one).hops_inside, flat(one).hops_inside);
      EXPECT_EQ(levels(one).hops_across, 0);
    }
  });
  EXPECT_GE(groups, 10);
}

/// Each member of a node sends 1 / n of the buffer to the next node in each of so many steps, or its part for every other node; an
/// all_to_all has as many bytes leave as one without levels.
TEST(Traffic, AHierarchySendsBetweenNodesWhatHasToBeSent) {
  const Topology topology(support::cluster(R"({"node": "dgx-h100", "nodes": 8})"));
  for (const auto& [members, nodes] : {std::pair(8, 8), {4, 2}, {1, 4}}) {
    SCOPED_TRACE(nodes);
    const Fold one = fold(topology, of_nodes(members, nodes), 0)[0];
    const auto of = [&](Collective what) { return sent(hierarchical_traffic(what, one)); };
    const double n = nodes, m = members;
    EXPECT_NEAR(of(Collective::all_reduce).across, 2 * (n - 1) / n, 1e-12);
    EXPECT_NEAR(of(Collective::all_reduce).inside, 2 * (m - 1), 1e-12);
    EXPECT_NEAR(of(Collective::all_gather).across, (n - 1) / n, 1e-12);
    EXPECT_NEAR(of(Collective::reduce_scatter).inside, m - 1, 1e-12);
    EXPECT_NEAR(of(Collective::all_to_all).across, sent(direct_traffic(Collective::all_to_all, one)).across,
                1e-12);
    EXPECT_NEAR(of(Collective::all_to_all).inside, m - 1, 1e-12);
    EXPECT_EQ(hierarchical_traffic(Collective::all_reduce, one).hops_across, 2 * (n - 1));
    EXPECT_EQ(hierarchical_traffic(Collective::all_to_all, one).hops_across, 1);
  }
}

/// A tree brings the buffer up and down every link once, a node's cards twice where it has two children.
TEST(Traffic, ATreeLoadsTheCardsTwiceButHasFewHops) {
  const Topology topology(support::cluster(R"({"node": "dgx-h100", "nodes": 64})"));
  const Group group{.first = 0, .members = {{64, 8}}, .siblings = {{8, 1}}};
  const auto tree = [](const Fold& fold) { return double_tree_traffic(Collective::all_reduce, fold); };
  EXPECT_DOUBLE_EQ(folded(topology, group, tree), 2 / 50e9);
  const Traffic traffic = tree(fold(topology, group, group.first)[0]);
  EXPECT_EQ(traffic.hops_inside, 0);
  EXPECT_EQ(traffic.hops_across, 2 * 6);
}

}  // namespace
}  // namespace ds::cost
