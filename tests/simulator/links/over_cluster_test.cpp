// Clusters so small that their times can be counted on paper, and laws that hold for all.
#include <gtest/gtest.h>

#include "tests/simulator/links/topologies.h"

namespace ds::links {
namespace {

double time(const Cluster& cluster, Collective what, Algorithm algorithm, double bytes,
            std::int64_t rings = 1) {
  Spec spec = over(cluster, what, algorithm, bytes);
  spec.rings = rings;
  return time_of(spec).value;
}

/// One node is a switch with the latency counted once.
TEST(OverCluster, OneNodeIsASwitch) {
  const Cluster node = slow_cluster(1, 4, 1);
  for (const auto& [what, algorithm] : {std::pair(Collective::all_reduce, Algorithm::ring),
                                        {Collective::all_gather, Algorithm::direct},
                                        {Collective::reduce_scatter, Algorithm::halving_doubling},
                                        {Collective::broadcast, Algorithm::ring},
                                        {Collective::broadcast, Algorithm::direct},
                                        {Collective::all_to_all, Algorithm::relay},
                                        {Collective::shift, Algorithm::direct}})
    EXPECT_DOUBLE_EQ(time(node, what, algorithm, 8),
                     time_of(over(Kind::switched, 4, what, algorithm, 8, 1, 0.5)).value)
        << spelling(what) << ' ' << name_of(algorithm);
}

/// Nodes of one GPU each are ranks on links as fast as their cards.
TEST(OverCluster, NodesOfOneGpuAreASwitch) {
  const Cluster nodes = slow_cluster(4, 1, 1);
  for (const auto& [what, algorithm] : {std::pair(Collective::all_reduce, Algorithm::ring),
                                        {Collective::all_reduce, Algorithm::grid2d},
                                        {Collective::all_reduce, Algorithm::direct},
                                        {Collective::all_gather, Algorithm::halving_doubling},
                                        {Collective::broadcast, Algorithm::ring},
                                        {Collective::all_to_all, Algorithm::direct},
                                        {Collective::all_to_all, Algorithm::relay},
                                        {Collective::shift, Algorithm::ring}}) {
    const Algorithm same = algorithm == Algorithm::grid2d ? Algorithm::ring : algorithm;
    EXPECT_NEAR(time(nodes, what, algorithm, 8),
                time_of(over(Kind::switched, 4, what, same, 8, 0.5, 1.5)).value, 1e-12)
        << spelling(what) << ' ' << name_of(algorithm);
  }
}

/// 2 nodes of 2 GPUs, 4 chunks of 4 bytes, three times on. A hop inside takes 1 + 4, one between nodes 3 + 8 alone. Chunks that begin
/// at the GPU that leaves: out at once, there at 11, inside until 16, and out again. Those that begin before it: inside until 5, 3
/// more on the way; then the card has both from 8 to 14, when the first has moved 2.5 alone and the rest of its 4 by half:
/// 3 + 5 alone (2.5 bytes), 1.5 left at 0.25 a second, 6 s: at 14. The second has moved 1.5 by then and its 2.5 take 5 s: at 19, and
/// inside until 24. The first is inside until 19, 3 on the way, alone on the card: 22 + 8 = 30.
TEST(OverCluster, AChunkGoesOnWhileThoseBeforeItAreStillUnderWay) {
  EXPECT_DOUBLE_EQ(time(slow_cluster(2, 2, 1), Collective::all_gather, Algorithm::ring, 16), 30);
}

/// 4 GPUs share 2 cards. 24 bytes: around the row 3 x (1 + 6), around the column of two nodes 2 x (3 + 3 / 0.25), and around the row.
/// Where cards are shared unevenly, the first columns begin their way back while others are still under way, and slow them.
TEST(OverCluster, ColumnsOfAGridShareTheCards) {
  EXPECT_DOUBLE_EQ(time(slow_cluster(2, 4, 2), Collective::all_reduce, Algorithm::grid2d, 24), 21 + 30 + 21);
  EXPECT_GT(time(slow_cluster(2, 4, 3), Collective::all_reduce, Algorithm::grid2d, 24), 21 + 30 + 21);
}

/// 2 nodes of 2 GPUs with a card each, 4 ranks, 4 bytes: between nodes every GPU sends 2 messages of 1 byte by its card, inside one,
/// and its link is no limit: 3 + 2 / 0.5.
TEST(OverCluster, AllToAllIsAsSlowAsTheCards) {
  EXPECT_DOUBLE_EQ(time(slow_cluster(2, 2, 2), Collective::all_to_all, Algorithm::direct, 4), 3 + 4);
}

/// What leaves the node of rank 0 is 2 messages of 4 bytes by one card: 3 + 16.
TEST(OverCluster, ABroadcastLeavesByOneCard) {
  EXPECT_DOUBLE_EQ(time(slow_cluster(2, 2, 2), Collective::broadcast, Algorithm::direct, 4), 3 + 16);
}

/// Cards four times slower together than alone, if the fabric is: a ring alone does not see it as long as it has several.
TEST(OverCluster, OversubscriptionSlowsWhatNeedsAllCards) {
  Cluster cluster = slow_cluster(2, 4, 4);
  const double ring = time(cluster, Collective::all_reduce, Algorithm::ring, 64);
  const double grid = time(cluster, Collective::all_reduce, Algorithm::grid2d, 64);
  cluster.oversubscription = 4;
  EXPECT_DOUBLE_EQ(time(cluster, Collective::all_reduce, Algorithm::ring, 64), ring);
  EXPECT_GT(time(cluster, Collective::all_reduce, Algorithm::grid2d, 64), grid);
}

/// What a card has to carry is a bound that nothing beats; rings that use more cards come near it.
TEST(OverCluster, RingsShareTheWorkAmongTheCards) {
  Cluster cluster = slow_cluster(4, 4, 4);
  cluster.gpu_bytes_per_s = 10;
  cluster.node_latency = cluster.fabric_latency = {};
  double before = 1e9;
  for (const std::int64_t rings : {1, 2, 4, 8}) {
    Spec spec = over(cluster, Collective::all_reduce, Algorithm::ring, 1e3);
    spec.rings = rings;
    const Explained all = explain(spec);
    for (const LinkLoad& load : all.loads) EXPECT_LE(load.busy(), 1 + 1e-9) << load.what << ' ' << rings;
    EXPECT_DOUBLE_EQ(all.loads[0].bytes, 30e3);  // 2 (n - 1) / n of it by every rank
    if (rings <= 4) {
      EXPECT_LT(all.time.value, before);
    }
    before = all.time.value;
  }
}

TEST(OverCluster, OneRankTakesNoTime) {
  EXPECT_EQ(time(slow_cluster(1, 1, 1), Collective::all_reduce, Algorithm::grid2d, 1e9), 0);
  EXPECT_EQ(time(slow_cluster(1, 1, 1), Collective::shift, Algorithm::ring, 1e9), 0);
}

}  // namespace
}  // namespace ds::links
