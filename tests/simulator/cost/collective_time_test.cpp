#include "simulator/cost/collective_time.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <string>

#include "simulator/base/file.h"
#include "simulator/workload/presets.h"
#include "tests/support/clusters.h"

namespace ds::cost {
namespace {

using collective::Collective;
using network::Group;
using Json = nlohmann::json;

constexpr Bytes kMiB{1 << 20};

CommunicationModel model(const std::string& cluster) { return CommunicationModel(support::cluster(cluster)); }

double seconds(const CommunicationTime& time) { return time.estimate.seconds.value; }

Group over_nodes(std::int32_t nodes, std::int32_t siblings) {
  return {.first = 0, .members = {{nodes, 8}}, .siblings = {{siblings, 1}}};
}

/// What DeepEP reaches on H800 (profiles/networks/nccl.json says where it is published) by its authors' count: bytes to nodes, the
/// own one among them, over the time; in a node, bytes that ranks receive. 4096 tokens of 7168 to 8 of 256 experts in at most
/// 4 of as many groups as there are nodes.
TEST(CollectiveTime, TokensGoToExpertsAtThePublishedRate) {
  struct Published {
    std::int32_t ranks;
    double dispatch_rate, combine_rate;
  };
  constexpr double kTokens = 4096, kHidden = 7168, kFp8 = kHidden * 33 / 32, kBf16 = kHidden * 2;
  for (const Published& one :
       {Published{8, 153e9, 158e9}, {16, 43e9, 43e9}, {32, 58e9, 57e9}, {64, 51e9, 50e9}}) {
    const std::int32_t nodes = one.ranks / 8;
    const CommunicationModel m = model(fmt::format(R"({{"node": "h800-8x", "nodes": {}}})", nodes));
    const ops::RowExchange rows{
        .top_k = 8, .experts = 256, .groups = nodes, .groups_per_token = std::min(nodes, 4)};
    const Group group{.first = 0, .members = {{one.ranks, 1}}, .siblings = {}};
    const double copies = ops::expected_places(rows, nodes > 1 ? nodes : 8);
    for (const auto& [bytes, rate] : {std::pair(kFp8, one.dispatch_rate), {kBf16, one.combine_rate}}) {
      const Bytes all{static_cast<std::int64_t>(kTokens * 8 * bytes)};
      const double reached = kTokens * copies * bytes / seconds(m.dispatch(rows, group, all));
      EXPECT_NEAR(reached / rate, 1, 0.12) << one.ranks << " ranks";
    }
  }
}

/// On H100 as DeepEP's second version publishes it, which nothing here rests on: 61 GB/s by 4 nodes, 90 and 81 by 2.
TEST(CollectiveTime, TokensGoToExpertsOnNodesOfAnotherKind) {
  for (const auto& [nodes, rate] : {std::pair(2, 85e9), {4, 61e9}}) {
    const CommunicationModel m = model(fmt::format(R"({{"node": "dgx-h100", "nodes": {}}})", nodes));
    const ops::RowExchange rows{.top_k = 8, .experts = 256};
    const Group group{.first = 0, .members = {{8 * nodes, 1}}, .siblings = {}};
    const double bytes = 8192.0 * 7168 * 2;
    const double time = seconds(m.dispatch(rows, group, Bytes{static_cast<std::int64_t>(8 * bytes)}));
    EXPECT_NEAR(bytes * ops::expected_places(rows, nodes) / time / rate, 1, 0.1) << nodes;
  }
}

/// Each token once for a node is never more than each row by itself, and with fewer groups a token less.
TEST(CollectiveTime, RowsThatGoOnceANodeTakeNoLonger) {
  const CommunicationModel m = model(R"({"node": "h800-8x", "nodes": 8})");
  const Group group{.first = 0, .members = {{64, 1}}, .siblings = {}};
  const Bytes bytes = 512 * kMiB;
  const double apart = seconds(m.collective(Collective::all_to_all, Algorithm::automatic, group, bytes));
  double last = apart;
  for (const std::int64_t groups : {8, 4, 2, 1}) {
    const double once = seconds(m.dispatch({8, 256, 8, groups}, group, bytes));
    EXPECT_LE(once, last) << groups;
    last = once;
  }
  EXPECT_LT(last, 0.35 * apart);
}

TEST(CollectiveTime, AGroupOfOneTakesNoTime) {
  const CommunicationModel m = model(R"({"node": "dgx-h100", "nodes": 1})");
  EXPECT_EQ(seconds(m.collective(Collective::all_reduce, Algorithm::automatic, Group{}, kMiB)), 0);
}

/// 16 GiB over 64 nodes, one GPU of each and seven groups beside it: every card sends 2 x 63 / 64 of the buffer, at its
/// 50 GB/s and what is reached of it (between 0.9 and 1, declared).
TEST(CollectiveTime, LargeBuffersGoAtTheRateOfTheCards) {
  const CommunicationModel m = model(R"({"node": "dgx-h100", "nodes": 64})");
  const Bytes bytes = 16LL * 1024 * kMiB;
  const double least = 2 * 63.0 / 64 * static_cast<double>(bytes.value) / 50e9;
  const CommunicationTime time =
      m.collective(Collective::all_reduce, Algorithm::automatic, over_nodes(64, 8), bytes);
  EXPECT_GT(seconds(time), least);
  EXPECT_LT(seconds(time), least / 0.9);
  EXPECT_EQ(time.algorithm, Algorithm::ring);
  EXPECT_EQ(time.protocol, "simple");
  EXPECT_EQ(time.estimate.source, Source::published);
  EXPECT_GT(time.estimate.sigma, 0);
}

/// Two groups on one card take twice as long as one: 8 GPUs of an aws-p4de share 4 cards.
TEST(CollectiveTime, AloneMeansWithTheGroupsBesideIt) {
  const CommunicationModel m = model(R"({"node": "aws-p4de", "nodes": 16})");
  const Bytes bytes = 4096 * kMiB;
  const auto time = [&](std::int32_t siblings) {
    return seconds(m.collective(Collective::all_reduce, Algorithm::ring, over_nodes(16, siblings), bytes));
  };
  EXPECT_DOUBLE_EQ(time(4), time(1));
  EXPECT_NEAR(time(8) / time(4), 2, 0.01);
}

/// Groups of three on nodes of four lie in four ways, and in whichever of them the group asked for lies: the one that is cut
/// sets the pace. How many nodes there are changes nothing.
TEST(CollectiveTime, GroupsThatNodesCutHaveOnePrice) {
  const auto time = [](std::int32_t nodes) {
    const CommunicationModel m = model(
        R"({"node": {"gpu": "a100-sxm4-80g", "gpus_per_node": 4, "intra": {"kind": "nvswitch", "bytes_per_s": 300e9},
             "nics": {"count": 4, "bytes_per_s": 25e9}}, "nodes": )" +
        std::to_string(nodes) + "}");
    const Group threes{.first = 0, .members = {{3, 1}}, .siblings = {{nodes * 4 / 3, 3}}};
    return seconds(m.collective(Collective::all_reduce, Algorithm::automatic, threes, 64 * kMiB));
  };
  // Up and down a tree, the one GPU that is alone in its node sends the buffer once over its card.
  EXPECT_GT(time(3), static_cast<double>((64 * kMiB).value) / 25e9);
  for (const std::int32_t nodes : {6, 9, 12, 30}) EXPECT_EQ(time(nodes), time(3)) << nodes;
}

/// What goes to other nodes and what stays inside go over the same links of a GPU.
TEST(CollectiveTime, AFasterCardOrLinkIsNeverSlower) {
  constexpr double kLink = 16e9, kSockets = 15.6e9;
  const auto time = [](double link, double sockets, double card, std::int32_t in_node) {
    const CommunicationModel m = model(
        R"({"nodes": 2, "node": {"gpu": "a100-pcie-80g", "gpus_per_node": 8, "nics": {"count": 4, "bytes_per_s": )" +
        std::to_string(card) + R"(}, "intra": {"kind": "pcie", "bytes_per_s": )" + std::to_string(link) +
        R"(, "sockets": 2, "socket_bytes_per_s": )" + std::to_string(sockets) + "}}}");
    const Group group{.first = 0, .members = {{in_node, 1}, {2, 8}}, .siblings = {{8 / in_node, in_node}}};
    return seconds(m.collective(Collective::all_reduce, Algorithm::ring, group, 1024 * kMiB));
  };
  for (const std::int32_t in_node : {2, 4, 8})
    for (double card = 3e9; card < 20e9; card += 0.25e9) {
      const double before = time(kLink, kSockets, card, in_node) * (1 + 1e-9);
      EXPECT_LE(time(kLink, kSockets, 2 * card, in_node), before) << in_node << " " << card;
      EXPECT_LE(time(2 * kLink, kSockets, card, in_node), before) << in_node << " " << card;
      EXPECT_LE(time(kLink, 2 * kSockets, card, in_node), before) << in_node << " " << card;
    }
}

TEST(CollectiveTime, AutomaticIsTheFastestThereIs) {
  const CommunicationModel m = model(R"({"node": "dgx-h100", "nodes": 16})");
  for (const Group& group : {over_nodes(16, 8), Group{.first = 0, .members = {{8, 1}}, .siblings = {{16, 8}}},
                             Group{.first = 0, .members = {{128, 1}}, .siblings = {}}})
    for (const Collective what : collective::kCollectives)
      for (std::int64_t bytes = 256; bytes < 1LL << 34; bytes *= 4) {
        const double best = seconds(m.collective(what, Algorithm::automatic, group, Bytes{bytes}));
        for (const Algorithm algorithm : {Algorithm::ring, Algorithm::double_tree, Algorithm::nvls})
          if (m.has(what, algorithm, group)) {
            EXPECT_LE(best, seconds(m.collective(what, algorithm, group, Bytes{bytes})));
          }
      }
}

/// Over many nodes a ring's latency grows with their number and a tree's with its logarithm; a tree loads cards twice.
TEST(CollectiveTime, AutomaticTakesATreeForSmallAndARingForLargeBuffers) {
  const CommunicationModel m = model(R"({"node": "dgx-a100-80g", "nodes": 256})");
  const auto taken = [&](Bytes bytes) {
    return m.collective(Collective::all_reduce, Algorithm::automatic, over_nodes(256, 8), bytes).algorithm;
  };
  EXPECT_EQ(taken(kMiB), Algorithm::double_tree);
  EXPECT_EQ(taken(65536 * kMiB), Algorithm::ring);
}

TEST(CollectiveTime, SmallMessagesTakeTheProtocolOfLeastLatencyAndLargeOnesOfMostBandwidth) {
  const CommunicationModel m = model(R"({"node": "dgx-a100-80g", "nodes": 1})");
  const Group node{.first = 0, .members = {{8, 1}}, .siblings = {}};
  EXPECT_EQ(m.collective(Collective::all_gather, Algorithm::ring, node, Bytes{1024}).protocol, "ll");
  EXPECT_EQ(m.collective(Collective::all_gather, Algorithm::ring, node, 1024 * kMiB).protocol, "simple");
}

TEST(CollectiveTime, TheSwitchReducesOnlyWhereItCan) {
  const Group node{.first = 0, .members = {{8, 1}}, .siblings = {}};
  const Group pair{.first = 0, .members = {{2, 1}}, .siblings = {{4, 2}}};
  EXPECT_TRUE(
      model(R"({"node": "dgx-h100", "nodes": 1})").has(Collective::all_reduce, Algorithm::nvls, node));
  EXPECT_FALSE(
      model(R"({"node": "dgx-h100", "nodes": 1})").has(Collective::all_reduce, Algorithm::nvls, pair));
  EXPECT_FALSE(
      model(R"({"node": "dgx-a100-80g", "nodes": 1})").has(Collective::all_reduce, Algorithm::nvls, node));
  EXPECT_FALSE(
      model(R"({"node": "dgx-h100", "nodes": 1})").has(Collective::all_gather, Algorithm::nvls, node));
}

TEST(CollectiveTime, AlgorithmsOfTheCatalogueArePricedWhereOneNodeStandsForAll) {
  const CommunicationModel m = model(R"({"node": "dgx-a100-80g", "nodes": 1})");
  const auto has = [&](Algorithm algorithm, std::int32_t ranks) {
    return m.has(Collective::all_reduce, algorithm, {.first = 0, .members = {{ranks, 1}}, .siblings = {}});
  };
  EXPECT_TRUE(has(Algorithm::halving_doubling, 8));
  EXPECT_FALSE(has(Algorithm::halving_doubling, 6));
  EXPECT_FALSE(has(Algorithm::binomial_tree, 8));
}

/// A latency a step and the bytes of a ring: fewer steps pay for small buffers, two levels for groups over many nodes.
TEST(CollectiveTime, FewerStepsAreFasterForSmallBuffersAndNotForLargeOnes) {
  const CommunicationModel m = model(R"({"node": "dgx-h100", "nodes": 32})");
  const Group all{.first = 0, .members = {{256, 1}}, .siblings = {}};
  const auto takes = [&](Collective what, Algorithm algorithm, Bytes bytes) {
    EXPECT_TRUE(m.has(what, algorithm, all));
    return seconds(m.collective(what, algorithm, all, bytes));
  };
  const Bytes small{1 << 12}, large = 4096 * kMiB;
  using enum Algorithm;
  for (const Algorithm other : {recursive_doubling, grid2d, hierarchical})
    EXPECT_LT(takes(Collective::all_reduce, other, small), takes(Collective::all_reduce, ring, small));
  EXPECT_GT(takes(Collective::all_reduce, recursive_doubling, large),
            takes(Collective::all_reduce, ring, large));
  for (const Algorithm other : {bruck, hierarchical, recursive_doubling})
    EXPECT_LT(takes(Collective::all_gather, other, small), takes(Collective::all_gather, ring, small));
  EXPECT_GT(takes(Collective::all_to_all, bruck, large), takes(Collective::all_to_all, direct, large));
}

TEST(CollectiveTime, TwoLevelsWantAsManyMembersInEachNode) {
  const CommunicationModel m = model(R"({"node": "dgx-h100", "nodes": 3})");
  const auto has = [&](std::int32_t ranks) {
    return m.has(Collective::all_reduce, Algorithm::hierarchical,
                 {.first = 0, .members = {{ranks, 1}}, .siblings = {}});
  };
  EXPECT_TRUE(has(8));
  EXPECT_TRUE(has(16));
  EXPECT_FALSE(has(12));
  EXPECT_FALSE(
      m.has(Collective::shift, Algorithm::hierarchical, {.first = 0, .members = {{8, 1}}, .siblings = {}}));
}

TEST(CollectiveTime, GrowsWithTheBufferForEveryShippedNode) {
  for (const workload::Preset& preset : workload::list_presets()) {
    if (preset.kind != workload::PresetKind::cluster) continue;
    SCOPED_TRACE(preset.name);
    const workload::Cluster cluster = support::cluster(R"({"node": ")" + preset.name + R"(", "nodes": 1})");
    const auto gpus = static_cast<std::int32_t>(cluster.ranks());
    if (gpus == 1) continue;
    const CommunicationModel m(cluster);
    for (const Collective what : collective::kCollectives) {
      double before = 0;
      for (std::int64_t bytes = 1; bytes < 1LL << 36; bytes *= 16) {
        const Group group{.first = 0, .members = {{gpus, 1}}, .siblings = {}};
        const double now = seconds(m.collective(what, Algorithm::automatic, group, Bytes{bytes}));
        EXPECT_GT(now, before);
        EXPECT_LT(now, 100);  // 64 GiB over the slowest of them takes seconds
        before = now;
      }
    }
  }
}

/// A latency that the node gives is paid per hop: 14 hops of a ring of 8.
TEST(CollectiveTime, AGivenLatencyOfALinkCounts) {
  const std::string node = R"({"node": {"gpu": "a100-sxm4-80g", "gpus_per_node": 8,
      "intra": {"kind": "nvswitch", "bytes_per_s": 300e9, "latency_s": LATENCY}}, "nodes": 1})";
  const auto with = [&](const std::string& latency) {
    std::string text = node;
    text.replace(text.find("LATENCY"), 7, latency);
    const Group group{.first = 0, .members = {{8, 1}}, .siblings = {}};
    return seconds(model(text).collective(Collective::all_reduce, Algorithm::ring, group, Bytes{8}));
  };
  EXPECT_NEAR(with("1e-6") - with("0"), 14e-6, 1e-9);
}

TEST(PointToPoint, SharesCardsWithThePairsBesideIt) {
  const CommunicationModel m = model(R"({"node": "aws-p4de", "nodes": 2})");
  const Bytes bytes = 256 * kMiB;
  const auto time = [&](std::int32_t siblings) {
    return seconds(m.point_to_point({.first = 0, .members = {{2, 8}}, .siblings = {{siblings, 1}}}, bytes));
  };
  EXPECT_GT(time(1), static_cast<double>(bytes.value) / 12.5e9);
  EXPECT_NEAR(time(8) / time(4), 2, 0.01);
  const double inside = seconds(m.point_to_point({.first = 0, .members = {{2, 1}}, .siblings = {}}, bytes));
  EXPECT_LT(inside, static_cast<double>(bytes.value) / 100e9);
}

/// Published curves that shaped no constant, one NVSwitch node, from 64 MiB up, where machines agree with one another:
/// see profiles/measured/nccl_tests.json. All of them, sizes and more nodes: bench/run collective.
TEST(CollectiveTime, LargeBuffersInANodeAreWithinTenPercentOnAverage) {
  const Json file = Json::parse(read_file(std::string(DS_SOURCE_DIR) + "/profiles/measured/nccl_tests.json"));
  double sum = 0;
  int points = 0;
  for (const Json& curve : file["collectives"]) {
    const std::string node = curve["cluster"]["node"];
    if (curve["role"] != "held out" || curve["cluster"]["nodes"] != 1 || node == "dgx-1v") continue;
    const CommunicationModel m(support::cluster(curve["cluster"].dump()));
    const Group group{.first = 0, .members = {{curve["ranks"].get<std::int32_t>(), 1}}, .siblings = {}};
    for (const Collective what : collective::kCollectives) {
      if (collective::name_of(what) != curve["op"].get<std::string>()) continue;
      for (std::size_t i = 0; i < curve["bytes"].size(); ++i) {
        const Bytes bytes{curve["bytes"][i].get<std::int64_t>()};
        if (bytes < 64 * kMiB) continue;
        const CommunicationTime time = m.collective(what, Algorithm::automatic, group, bytes);
        sum += std::abs(seconds(time) / curve["time_s"][i].get<double>() - 1);
        ++points;
      }
    }
  }
  EXPECT_GE(points, 70);
  EXPECT_LT(sum / points, 0.10);
}

}  // namespace
}  // namespace ds::cost
