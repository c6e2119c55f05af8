#pragma once
// What a collective moves over the links of one node that stands for all: rounds of messages that go at once, and how
// many hops follow one another. Nodes are alike and send alike, so that what leaves a node for another also comes in
// where it would arrive there; thousands of ranks cost no more than the GPUs of one node.

#include <cstdint>
#include <vector>

#include "simulator/collective/collective.h"
#include "simulator/cost/library_facts.h"
#include "simulator/network/network.h"
#include "simulator/ops/ops.h"

namespace ds::cost {

/// One node's part of a group and of the groups beside it.
struct Fold {
  std::int32_t node{};
  std::int32_t ranks{}, nodes{};                   // of the whole group
  std::int32_t fewest{1};                          // members of the group that any of its nodes has
  std::vector<std::vector<std::int32_t>> members;  // GPUs of this node, group by group, the asked one first
  std::vector<std::int32_t> first_index;  // of each of these: the place in its group of its first member here
  bool
      in_order{};  // between sockets there is one way, so rings and chains go through the GPUs in their order
};

/// One fold per kind of node: that of the node with most members. The slowest of them sets the pace. The group asked for is
/// the one that begins at rank `start`: `group` or one beside it.
std::vector<Fold> fold(const network::Topology& network, const network::Group& group, std::int32_t start);

/// A message of the folded node; bytes are shares of the whole buffer.
struct NodeMessage {
  std::int32_t from{}, to{};  // GPUs of the node
  bool across{};              // to another node, at GPU `to` of it
  double share{};             // all that goes there, to several nodes together
};

/// Each of these GPUs, which no socket divides, to every other of them: `share` of the whole buffer in all.
struct Spread {
  std::vector<std::int32_t> members;
  double share{};
};

struct Round {
  std::vector<NodeMessage> messages;
  std::vector<Spread> spreads;
  double repeats{1};
};

struct Traffic {
  std::vector<Round> rounds;
  double hops_inside{}, hops_across{};  // one after the other
};

/// Rings that go through the GPUs of a node in turned orders, as many as the thinnest node has members, so that all cards
/// are used.
Traffic ring_traffic(collective::Collective what, const Fold& fold);
/// A chain through the GPUs of a node and a double binary tree over the nodes, all_reduce or broadcast, in small pieces:
/// latencies add up once, and every link carries the buffer. Source: Sanders, Speck and Traeff, "Two-tree algorithms for
/// full bandwidth broadcast, reduction and scan", 2009.
Traffic double_tree_traffic(collective::Collective what, const Fold& fold);
/// all_reduce where the switch of a node adds: each GPU sends its part once and receives the sum; between nodes a tree.
Traffic nvls_traffic(const Fold& fold);
Traffic direct_traffic(collective::Collective what, const Fold& fold);
/// In two levels, the nodes having equally many members: inside a node rings, or everyone with everyone for an all_to_all, and between
/// nodes the same among the members of one place in them. What leaves a node is what leaves it otherwise, in fewer and longer
/// messages; of one node it is the ring, or `direct`. Source: Horovod's HOROVOD_HIERARCHICAL_ALLREDUCE and _ALLGATHER (reduce-scatter
/// inside, all-reduce across, all-gather inside); Hwang et al., "Tutel: Adaptive mixture-of-experts at scale", 2022, section 4.2
/// (two-dimensional hierarchical all-to-all).
Traffic hierarchical_traffic(collective::Collective what, const Fold& fold);
/// Partners at distance 1, 2, 4 ...: they exchange all of the buffer (all_reduce), or what they have of it (all_gather). Powers of two
/// only. Source: Thakur, Rabenseifner and Gropp, "Optimization of collective communication operations in MPICH", 2005.
Traffic recursive_doubling_traffic(collective::Collective what, const Fold& fold);
/// Blocks go on to ranks at distance 1, 2, 4 ... until they are there, log2 of n steps for any n. An all_to_all sends in each step those
/// whose way has that bit, so that each block is sent several times; an all_gather what a rank has, up to what is lacking; a
/// reduce_scatter is that backwards. Source: Bruck et al., "Efficient algorithms for all-to-all communications in multiport
/// message-passing systems", 1997; NCCL 2.23 has the last two as PAT.
Traffic bruck_traffic(collective::Collective what, const Fold& fold);
/// The steps of grid.h.
Traffic grid_traffic(const Fold& fold);
/// Rows of tokens to the ranks of their experts: once over the network to each node that has some, to the GPU of the same place
/// there, which hands them on inside; or the sums of what these have made of them, back the same way. Shares are those of all rows,
/// `top_k` for each token.
struct DispatchTraffic {
  Traffic inside, across;  // at once, piece by piece: cards take nothing from the links inside
};
DispatchTraffic dispatch_traffic(const ops::RowExchange& rows, const Fold& fold);
/// The steps of any other algorithm, as the members of one node send them. They are alike on all ranks.
Traffic traffic_of(const collective::Steps& steps, const Fold& fold);
/// Whether in every step every rank sends one message, all of one length: then one node stands for all.
bool all_send_alike(const collective::Steps& steps);

/// Seconds that all rounds take for a buffer of one byte, without latency, on links of these capacities. A round takes as
/// long as its busiest link, so a faster link is never slower.
double seconds_per_byte(const Traffic& traffic, const network::Topology& network, std::int32_t node,
                        const std::vector<double>& capacities);

}  // namespace ds::cost
