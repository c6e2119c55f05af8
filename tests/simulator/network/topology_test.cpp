#include <gtest/gtest.h>

#include <string>

#include "simulator/network/network.h"
#include "simulator/workload/presets.h"
#include "simulator/workload/reader.h"
#include "tests/support/clusters.h"

namespace ds::network {
namespace {

using support::cluster;

std::vector<double> rates(const Topology& network, const Route& route) {
  std::vector<double> rates;
  for (const std::int32_t link : route.links()) rates.push_back(network.links()[link].rate.value);
  return rates;
}

std::int32_t link(const Topology& network, std::int32_t from, std::int32_t to, std::size_t place) {
  const Route route = network.route(from, to);
  return route.links()[place];
}

TEST(Topology, AMessageInsideANodeTakesTwoLinksAndAcrossNodesTheCardsToo) {
  const Topology network(cluster(R"({"node": "dgx-h100", "nodes": 2, "fabric": "ib-ndr-fat-tree"})"));
  EXPECT_EQ(network.ranks(), 16);
  EXPECT_EQ(network.node_of(7), 0);
  EXPECT_EQ(network.node_of(8), 1);
  EXPECT_EQ(rates(network, network.route(0, 7)), (std::vector<double>{450e9, 450e9}));
  EXPECT_EQ(rates(network, network.route(0, 8)), (std::vector<double>{450e9, 50e9, 50e9, 450e9}));
  EXPECT_EQ(network.route(0, 8).latency.value, 2e-6);  // the fabric says so
  EXPECT_GT(network.route(0, 1).latency.value, 0);     // the node does not: a declared default
  EXPECT_FALSE(network.route(0, 7).across);
}

/// 8 GPUs and 4 cards: GPU 1 and GPU 5 share card 1.
TEST(Topology, GpusShareCardsWhereThereAreFewerCards) {
  const Topology network(cluster(R"({"node": "aws-p4de", "nodes": 2})"));
  const Route a = network.route(1, 8);
  const Route b = network.route(5, 8);
  EXPECT_EQ(a.links()[1], b.links()[1]);
  EXPECT_NE(link(network, 2, 8, 1), a.links()[1]);
  EXPECT_EQ(name_of(network.links()[a.links()[1]].kind), "nic");
  EXPECT_EQ(name_of(network.links()[a.links()[0]].kind), "nvlink");
}

/// 448 GB/s over 7 peers: 64 GB/s each, wherever the message goes.
TEST(Topology, AMeshHasAWireForEachPair) {
  const Topology network(cluster(R"({"node": "mi300x-8", "nodes": 1})"));
  EXPECT_EQ(rates(network, network.route(0, 1)), (std::vector<double>{448e9, 64e9, 448e9}));
  EXPECT_NE(link(network, 0, 1, 1), link(network, 1, 0, 1));
}

/// Four cards of 12.5 GB/s, four times oversubscribed: 12.5 GB/s for the whole node; a port of 10 GB/s is the slower end.
TEST(Topology, TheFabricTakesItsShare) {
  const Topology network(
      cluster(R"({"node": "aws-p4de", "nodes": 2, "fabric": {"kind": "fat-tree", "oversubscription": 4}})"));
  EXPECT_EQ(rates(network, network.route(0, 8)),
            (std::vector<double>{300e9, 12.5e9, 12.5e9, 12.5e9, 12.5e9, 300e9}));
  EXPECT_EQ(link(network, 0, 8, 2), link(network, 3, 9, 2));
  const Topology slow(
      cluster(R"({"node": "aws-p4de", "nodes": 2, "fabric": {"kind": "ethernet", "bytes_per_s": 10e9}})"));
  EXPECT_EQ(rates(slow, slow.route(0, 8))[1], 10e9);
}

TEST(Topology, MixedClustersCountTheirNodesInOrder) {
  const Topology network(
      cluster(R"({"groups": [{"node": "t4-4-ethernet", "nodes": 3}, {"node": "dgx-h100", "nodes": 1}]})"));
  EXPECT_EQ(network.ranks(), 20);
  EXPECT_EQ(network.node_of(11), 2);
  EXPECT_EQ(network.node_of(12), 3);
  EXPECT_EQ(network.gpu_of(19), 7);
  EXPECT_EQ(rates(network, network.route(11, 12)), (std::vector<double>{15.75e9, 3.125e9, 50e9, 450e9}));
}

TEST(Topology, EveryShippedNodeHasANetwork) {
  for (const workload::Preset& preset : workload::list_presets()) {
    if (preset.kind != workload::PresetKind::cluster) continue;
    SCOPED_TRACE(preset.name);
    const Topology network(cluster(R"({"node": ")" + preset.name + R"(", "nodes": 1})"));
    for (const Link& link : network.links()) EXPECT_GT(link.rate.value, 0);
    if (network.ranks() > 1) {
      EXPECT_GT(network.route(0, 1).latency.value, 0);
    }
  }
}

TEST(Group, IsCutOutOfTheRanksByPlacement) {
  const std::vector<Axis> axes = {{"tp", 4}, {"dp", 3}, {"pp", 2}};
  const Group dp = group_over("tp-cp-ep-dp-pp", axes, {"dp"}, {"pp"});
  EXPECT_EQ(dp.ranks(), (std::vector<std::int32_t>{0, 4, 8}));
  EXPECT_EQ(dp.siblings, (std::vector<Extent>{{4, 1}}));
  const Group both = group_over("pp-tp-dp", axes, {"tp", "pp"});
  EXPECT_EQ(both.ranks(), (std::vector<std::int32_t>{0, 1, 2, 3, 4, 5, 6, 7}));
  EXPECT_EQ(both.siblings, (std::vector<Extent>{{3, 8}}));
  EXPECT_EQ(group_over("tp-dp-pp", axes, {"cp"}).size(), 1);
}

}  // namespace
}  // namespace ds::network
