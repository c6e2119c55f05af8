#pragma once
// The network of a cluster: which links a message takes from one rank to another, how fast they are, and how long a
// message of no bytes is under way. Times of flows that share links come from fair_share.h and flow_times.h.
//
//   const Topology network(cluster);
//   const Route route = network.route(0, 12);          // GPU out, NIC out, NIC in, GPU in
//   for (std::int32_t link : route.links()) network.links()[link].rate ...
//
// Rank r is GPU r of the cluster, nodes in the order of cluster.groups. Every GPU has one link out and one in; in a mesh
// each pair has one more that only it uses. GPU g of a node uses NIC g modulo the number of NICs, together with all that
// do. Where GPUs sit on several sockets, what passes between two shares a link out of the one and a link into the other.
// The fabric does not block, but for what `oversubscription` takes from a node's way up and down.

#include <array>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "simulator/base/units.h"
#include "simulator/network/group.h"
#include "simulator/workload/job.h"

namespace ds::network {

enum class LinkClass : std::uint8_t { nvlink, xgmi, pcie, socket, nic, fabric };
/// "nvlink", "nic", ...: as in reports.
std::string_view name_of(LinkClass kind);

struct Link {
  BytesPerSecond rate;
  LinkClass kind{};
  bool reached{};  // what communications were measured to reach, not the datasheet's
};

/// The way of a message. Its latency is that of the whole way and occupies no link.
class Route {
 public:
  std::span<const std::int32_t> links() const& { return {links_.data(), static_cast<std::size_t>(count_)}; }
  std::span<const std::int32_t> links() && = delete;  // in the head of a loop it would outlive its route
  void add(std::int32_t link) { links_[count_++] = link; }
  Seconds latency;
  bool across{};  // from one node to another

 private:
  std::array<std::int32_t, 8> links_{};
  std::int32_t count_{};
};

/// Numbers of the links of one node, from 0.
struct NodeLinks {
  std::int32_t gpus{}, nics{};
  bool mesh{}, uplink{};
  std::int32_t sockets{1};

  std::int32_t gpu_out(std::int32_t gpu) const { return gpu; }
  std::int32_t gpu_in(std::int32_t gpu) const { return gpus + gpu; }
  std::int32_t nic_out(std::int32_t gpu) const { return 2 * gpus + gpu % nics; }
  std::int32_t nic_in(std::int32_t gpu) const { return 2 * gpus + nics + gpu % nics; }
  std::int32_t up() const { return 2 * (gpus + nics); }
  std::int32_t down() const { return up() + 1; }
  std::int32_t socket_of(std::int32_t gpu) const { return gpu / (gpus / sockets); }
  std::int32_t socket_out(std::int32_t gpu) const { return up() + (uplink ? 2 : 0) + socket_of(gpu); }
  std::int32_t socket_in(std::int32_t gpu) const { return socket_out(gpu) + sockets; }
  std::int32_t pair(std::int32_t from, std::int32_t to) const { return first_pair() + from * gpus + to; }
  std::int32_t first_pair() const { return up() + (uplink ? 2 : 0) + (sockets > 1 ? 2 * sockets : 0); }
  std::int32_t count() const { return first_pair() + (mesh ? gpus * gpus : 0); }
};

class Topology {
 public:
  /// A cluster of GPUs; every number of nodes above 1 needs NICs.
  explicit Topology(const workload::Cluster& cluster);

  std::int32_t ranks() const { return ranks_; }
  std::int32_t nodes() const { return static_cast<std::int32_t>(nodes_.size()); }
  std::int32_t node_of(std::int32_t rank) const;
  std::int32_t gpu_of(std::int32_t rank) const { return rank - nodes_[node_of(rank)].first_rank; }
  std::int32_t first_rank(std::int32_t node) const { return nodes_[node].first_rank; }
  /// Nodes of one number are alike.
  std::int32_t kind_number(std::int32_t node) const { return nodes_[node].kind; }
  const NodeLinks& links_of(std::int32_t node) const { return kinds_[nodes_[node].kind].links; }
  const workload::Node& kind_of(std::int32_t node) const { return kinds_[nodes_[node].kind].node; }

  const std::vector<Link>& links() const { return links_; }
  /// Of two different ranks.
  Route route(std::int32_t from, std::int32_t to) const;

  /// One node that stands for all: its links alone, and routes in which a message to another node comes in again where
  /// it would arrive there. Where every node sends and receives alike, rates are those of the whole cluster.
  std::vector<Link> folded_links(std::int32_t node) const;
  Route folded_route(std::int32_t node, std::int32_t from_gpu, std::int32_t to_gpu, bool across) const;

  Seconds latency(std::int32_t node, bool across) const;

 private:
  struct NodeKind {
    workload::Node node;
    NodeLinks links;
    std::vector<Link> local;
    Seconds latency;  // inside
  };
  struct NodeAt {
    std::int32_t first_rank, first_link, kind;
  };
  std::vector<NodeKind> kinds_;
  std::vector<NodeAt> nodes_;
  std::vector<Link> links_;
  Seconds fabric_latency_;
  std::int32_t ranks_{};
};

}  // namespace ds::network
