// Numbers the links of a cluster, with their rates, and finds a message's way over them.
#include <algorithm>

#include "simulator/base/error.h"
#include "simulator/network/link_facts.h"
#include "simulator/network/network.h"
#include "simulator/workload/spellings.h"

namespace ds::network {
namespace {

using workload::IntraKind;

LinkClass class_of(IntraKind kind) {
  switch (kind) {
    case IntraKind::nvswitch:
    case IntraKind::nvlink_mesh: return LinkClass::nvlink;
    case IntraKind::xgmi_mesh: return LinkClass::xgmi;
    case IntraKind::none:
    case IntraKind::pcie: return LinkClass::pcie;
  }
  return LinkClass::pcie;
}

NodeLinks number_links(const workload::Node& node, const workload::Fabric& fabric) {
  const bool mesh = node.intra.kind == IntraKind::nvlink_mesh || node.intra.kind == IntraKind::xgmi_mesh;
  return {.gpus = static_cast<std::int32_t>(node.gpus_per_node),
          .nics = static_cast<std::int32_t>(node.nics.count),
          .mesh = mesh && node.gpus_per_node > 1,
          .uplink = node.nics.count > 0 && fabric.oversubscription > 1,
          .sockets = static_cast<std::int32_t>(node.intra.sockets)};
}

/// A GPU alone in its node has no link inside: it reaches its card at the rate of PCIe, or as fast as the card.
double gpu_rate(const workload::Node& node) {
  if (node.intra.bytes_per_s > 0) return node.intra.bytes_per_s;
  return std::max(node.accelerator.pcie_bytes_per_s, node.nics.bytes_per_s);
}

std::vector<Link> links_of_node(const workload::Node& node, const workload::Fabric& fabric,
                                const NodeLinks& number) {
  std::vector<Link> links;
  const auto add = [&](std::int32_t count, double rate, LinkClass kind) {
    links.insert(links.end(), count, Link{{rate}, kind});
  };
  const LinkClass inside = class_of(node.intra.kind);
  add(2 * number.gpus, gpu_rate(node), inside);
  double card = node.nics.bytes_per_s;
  if (fabric.bytes_per_s > 0) card = std::min(card, fabric.bytes_per_s);  // the slower end of the cable
  add(2 * number.nics, card, LinkClass::nic);
  if (node.nics.reached_bytes_per_s > 0)
    for (std::int32_t nic = 2 * number.gpus; nic < 2 * (number.gpus + number.nics); ++nic)
      links[static_cast<std::size_t>(nic)] = {{node.nics.reached_bytes_per_s}, LinkClass::nic, true};
  if (number.uplink) add(2, card * number.nics / fabric.oversubscription, LinkClass::fabric);
  if (number.sockets > 1)
    links.insert(links.end(), static_cast<std::size_t>(number.sockets) * 2,
                 Link{{node.intra.socket_bytes_per_s}, LinkClass::socket, true});
  // A GPU's links, split evenly over its peers.
  if (number.mesh) add(number.gpus * number.gpus, node.intra.bytes_per_s / (number.gpus - 1), inside);
  return links;
}

}  // namespace

std::string_view name_of(LinkClass kind) {
  switch (kind) {
    case LinkClass::nvlink: return "nvlink";
    case LinkClass::xgmi: return "xgmi";
    case LinkClass::pcie: return "pcie";
    case LinkClass::socket: return "socket";
    case LinkClass::nic: return "nic";
    case LinkClass::fabric: return "fabric";
  }
  return "?";
}

Topology::Topology(const workload::Cluster& cluster) {
  ensure(!cluster.cpu(), "processes on one host have no network");
  const LinkFacts facts = read_link_facts();
  const auto known = [](double given, double otherwise) { return Seconds{given > 0 ? given : otherwise}; };
  fabric_latency_ = known(cluster.network.latency_s, facts.latency_s("fabric"));
  for (const workload::NodeGroup& group : cluster.groups) {
    const workload::Node& node = group.node;
    const NodeLinks number = number_links(node, cluster.network);
    const bool inside = node.intra.kind != IntraKind::none;
    kinds_.push_back({.node = node,
                      .links = number,
                      .local = links_of_node(node, cluster.network, number),
                      .latency = inside
                                     ? known(node.intra.latency_s,
                                             facts.latency_s(name_in(workload::kIntraKinds, node.intra.kind)))
                                     : Seconds{}});
    for (std::int64_t i = 0; i < group.nodes; ++i) {
      nodes_.push_back({.first_rank = ranks_,
                        .first_link = static_cast<std::int32_t>(links_.size()),
                        .kind = static_cast<std::int32_t>(kinds_.size()) - 1});
      ranks_ += number.gpus;
      links_.insert(links_.end(), kinds_.back().local.begin(), kinds_.back().local.end());
    }
  }
  for (const NodeKind& kind : kinds_)
    ensure(nodes_.size() == 1 || kind.links.nics > 0, "nodes without network cards stand alone");
}

std::int32_t Topology::node_of(std::int32_t rank) const {
  const auto after = std::ranges::upper_bound(nodes_, rank, {}, &NodeAt::first_rank);
  return static_cast<std::int32_t>(after - nodes_.begin()) - 1;
}

Seconds Topology::latency(std::int32_t node, bool across) const {
  return across ? fabric_latency_ : kinds_[nodes_[node].kind].latency;
}

namespace {

/// A message's way, with the number of the first link of each node.
Route route_between(const NodeLinks& from_node, std::int32_t from_first, std::int32_t from_gpu,
                    const NodeLinks& to_node, std::int32_t to_first, std::int32_t to_gpu, bool across) {
  Route route;
  route.across = across;
  route.add(from_first + from_node.gpu_out(from_gpu));
  if (across) {
    route.add(from_first + from_node.nic_out(from_gpu));
    if (from_node.uplink) route.add(from_first + from_node.up());
    if (to_node.uplink) route.add(to_first + to_node.down());
    route.add(to_first + to_node.nic_in(to_gpu));
  } else if (from_node.mesh) {
    route.add(from_first + from_node.pair(from_gpu, to_gpu));
  } else if (from_node.sockets > 1 && from_node.socket_of(from_gpu) != from_node.socket_of(to_gpu)) {
    route.add(from_first + from_node.socket_out(from_gpu));
    route.add(to_first + to_node.socket_in(to_gpu));
  }
  route.add(to_first + to_node.gpu_in(to_gpu));
  return route;
}

}  // namespace

Route Topology::route(std::int32_t from, std::int32_t to) const {
  ensure(from != to, "a message goes to another rank");
  const std::int32_t a = node_of(from);
  const std::int32_t b = node_of(to);
  Route route = route_between(links_of(a), nodes_[a].first_link, gpu_of(from), links_of(b),
                              nodes_[b].first_link, gpu_of(to), a != b);
  route.latency = latency(a, a != b);
  return route;
}

std::vector<Link> Topology::folded_links(std::int32_t node) const { return kinds_[nodes_[node].kind].local; }

Route Topology::folded_route(std::int32_t node, std::int32_t from_gpu, std::int32_t to_gpu,
                             bool across) const {
  Route route = route_between(links_of(node), 0, from_gpu, links_of(node), 0, to_gpu, across);
  route.latency = latency(node, across);
  return route;
}

}  // namespace ds::network
