// Which way a communication takes, with which algorithm and protocol of NCCL, and how long that is.
#include "simulator/cost/collective_time.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <tuple>
#include <utility>

#include "simulator/base/error.h"
#include "simulator/base/memo.h"
#include "simulator/cost/library_facts.h"
#include "simulator/cost/traffic.h"
#include "simulator/workload/spellings.h"

namespace ds::cost {
namespace {

using collective::Collective;
using network::Group;
using network::Link;
using network::LinkClass;
using network::Topology;
using workload::IntraKind;

/// What is remembered of a communication: how long its way is, and its time per byte.
struct Path {
  double hops_inside{}, hops_across{};
  double seconds_per_byte{};
  const double* latency_scale{};  // by protocol, in the facts
  Hop inside{};
  double link_latency_s{};    // of a node that says so, per hop inside
  double fabric_latency_s{};  // per hop across
};

/// Of which traffic a path is.
enum class Movement : std::uint8_t {
  all_reduce,
  all_gather,
  reduce_scatter,
  broadcast,
  shift,
  all_to_all,
  message
};

using PathKey = std::tuple<Movement, Algorithm, Group>;
using DispatchKey = std::tuple<std::int64_t, std::int64_t, std::int64_t, std::int64_t, bool, Group>;

Hop hop_of(IntraKind kind) {
  return kind == IntraKind::pcie || kind == IntraKind::none ? Hop::pcie : Hop::nvlink;
}

/// Whose latencies and shares of the links an algorithm has.
Algorithm timed_as(Algorithm algorithm) {
  const bool own = algorithm == Algorithm::double_tree || algorithm == Algorithm::nvls;
  return own ? algorithm : Algorithm::ring;
}

double share_of(const Protocol& protocol, Algorithm algorithm, bool across) {
  if (algorithm == Algorithm::double_tree) return protocol.share_tree;
  return across ? protocol.share_across : protocol.share;
}

/// Of both the longer way and the more seconds a byte: the groups beside one another wait for one another.
void take_slower(Path& slowest, const Path& path) {
  const bool longer =
      std::pair(path.hops_across, path.hops_inside) > std::pair(slowest.hops_across, slowest.hops_inside);
  const double seconds = std::max(slowest.seconds_per_byte, path.seconds_per_byte);
  if (longer || slowest.latency_scale == nullptr) slowest = path;
  slowest.seconds_per_byte = seconds;
}

/// The messages of the pair that begins at rank `start`, and of the pairs beside it that send from the same node.
Traffic message_traffic(const Topology& network, const Group& pair, std::int32_t start) {
  ensure(pair.size() == 2, "a message has two ends");
  std::vector<std::int32_t> ends = pair.ranks();
  for (std::int32_t& end : ends) end += start - pair.first;
  const std::int32_t node = network.node_of(ends[0]);
  const bool across = network.node_of(ends[1]) != node;
  Traffic traffic{.rounds = {Round{}}};
  const Group senders{.first = pair.first, .members = pair.siblings, .siblings = {}};
  for (const std::int32_t from : senders.ranks()) {
    if (network.node_of(from) != node) continue;
    const std::int32_t to = from + ends[1] - ends[0];
    traffic.rounds[0].messages.push_back({.from = network.gpu_of(from),
                                          .to = network.gpu_of(to),
                                          .across = network.node_of(to) != node,
                                          .share = 1});
  }
  (across ? traffic.hops_across : traffic.hops_inside) = 1;
  return traffic;
}

/// In closed form where ranks are too many to list what each sends, else from the steps.
Traffic traffic_of(Collective what, Algorithm algorithm, const Fold& fold) {
  switch (algorithm) {
    case Algorithm::automatic:
    case Algorithm::ring: return ring_traffic(what, fold);
    case Algorithm::double_tree: return double_tree_traffic(what, fold);
    case Algorithm::nvls: return nvls_traffic(fold);
    case Algorithm::direct: return direct_traffic(what, fold);
    case Algorithm::recursive_doubling: return recursive_doubling_traffic(what, fold);
    case Algorithm::bruck: return bruck_traffic(what, fold);
    case Algorithm::grid2d: return grid_traffic(fold);
    case Algorithm::hierarchical: return hierarchical_traffic(what, fold);
    default: return traffic_of(collective::steps(what, algorithm, fold.ranks), fold);
  }
}

}  // namespace

struct CommunicationModel::Impl {
  explicit Impl(const workload::Cluster& cluster) : network(cluster), facts(read_library_facts()) {}

  const LinkUse& use_of(const workload::Node& node) const {
    // A GPU alone in its node reaches its card over PCIe.
    const IntraKind kind = node.intra.kind == IntraKind::none ? IntraKind::pcie : node.intra.kind;
    return facts.use_of(name_in(workload::kIntraKinds, kind), node.accelerator.arch);
  }

  /// Share of the datasheet rate that links inside a node reach.
  double reached(const LinkUse& use, Algorithm algorithm, std::size_t members) const {
    return algorithm == Algorithm::nvls ? use.nvls_efficiency
                                        : use.efficiency_of(static_cast<std::int64_t>(members));
  }

  /// Bytes per second that each link of the folded node reaches.
  std::vector<double> achieved(std::int32_t node, double inside, double outside) const {
    std::vector<double> capacities;
    for (const Link& link : network.folded_links(node)) {
      const bool leaves = link.kind == LinkClass::nic || link.kind == LinkClass::fabric;
      capacities.push_back(link.rate.value * (link.reached ? 1 : leaves ? outside : inside));
    }
    return capacities;
  }

  Path path_of(const Traffic& traffic, std::int32_t node, double inside, double outside) const {
    const workload::Node& kind = network.kind_of(node);
    return {.hops_inside = traffic.hops_inside,
            .hops_across = traffic.hops_across,
            .seconds_per_byte = seconds_per_byte(traffic, network, node, achieved(node, inside, outside)),
            .latency_scale = use_of(kind).latency_scale.data(),
            .inside = hop_of(kind.intra.kind),
            .link_latency_s = kind.intra.latency_s,
            .fabric_latency_s = traffic.hops_across > 0 ? network.latency(node, true).value : 0};
  }

  /// Of the group and of all beside it that lie otherwise in their nodes.
  const std::vector<Fold>& folds_of(const Group& group) {
    return folds.of(group, [&] {
      std::vector<Fold> all;
      for (const std::int32_t start : group.placements(ranks_per_node(group)))
        for (Fold& part : fold(network, group, start)) all.push_back(std::move(part));
      return all;
    });
  }

  std::int32_t ranks_per_node(const Group& group) const {
    return network.links_of(network.node_of(group.first)).gpus;
  }

  const Path& path(Collective what, Algorithm algorithm, const Group& group) {
    return paths.of({static_cast<Movement>(what), algorithm, group}, [&] {
      Path slowest;
      for (const Fold& part : folds_of(group)) {
        const double inside =
            reached(use_of(network.kind_of(part.node)), algorithm, part.members.front().size());
        take_slower(slowest,
                    path_of(traffic_of(what, algorithm, part), part.node, inside, facts.nic_efficiency));
      }
      return slowest;
    });
  }

  const Path& path(const Group& pair) {
    return paths.of({Movement::message, Algorithm::ring, pair}, [&] {
      Path slowest;
      for (const std::int32_t start : pair.placements(ranks_per_node(pair))) {
        const std::int32_t node = network.node_of(start);
        const double inside = use_of(network.kind_of(node)).message_efficiency;
        take_slower(slowest, path_of(message_traffic(network, pair, start), node, inside,
                                     facts.nic_message_efficiency));
      }
      return slowest;
    });
  }

  const Path& path(const ops::RowExchange& rows, const Group& group) {
    const DispatchKey key{rows.top_k, rows.experts, rows.groups, rows.groups_per_token, rows.hybrid, group};
    return dispatches.of(key, [&] {
      Path slowest;
      for (const Fold& part : folds_of(group)) {
        const DispatchTraffic traffic = dispatch_traffic(rows, part);
        const auto members = static_cast<std::int64_t>(part.members.front().size());
        Path path = path_of(traffic.inside, part.node, facts.dispatch.inside_of(members, rows.hybrid),
                            facts.dispatch.across);
        const Path across = path_of(traffic.across, part.node, 1, facts.dispatch.across);
        path.hops_across = across.hops_across, path.fabric_latency_s = across.fabric_latency_s;
        path.seconds_per_byte = std::max(path.seconds_per_byte, across.seconds_per_byte);
        take_slower(slowest, path);
      }
      return slowest;
    });
  }

  /// The fastest protocol, as NCCL takes the one that it believes fastest.
  CommunicationTime price(const Path& path, Algorithm algorithm, Bytes bytes) const {
    const Algorithm timed = timed_as(algorithm);
    CommunicationTime best{.algorithm = algorithm};
    for (const AlgorithmTime& time : facts.times) {
      if (time.algorithm != timed) continue;
      const Protocol& protocol = facts.protocols[time.protocol];
      const auto hop = [&](Hop kind) { return time.hop_s[static_cast<std::size_t>(kind)]; };
      const double latency =
          path.latency_scale[time.protocol] * (time.base_s + path.hops_inside * hop(path.inside)) +
          path.hops_inside * path.link_latency_s + path.hops_across * (hop(Hop::nic) + path.fabric_latency_s);
      const double moving = static_cast<double>(bytes.value) * path.seconds_per_byte /
                            share_of(protocol, timed, path.hops_across > 0);
      const double total = latency + moving;
      if (!best.protocol.empty() && best.estimate.seconds.value <= total) continue;
      best.protocol = protocol.name;
      best.estimate = {
          .seconds = Seconds{total},
          .sigma = std::hypot(latency * facts.latency_sigma, moving * facts.bandwidth_sigma) / total,
          .source = Source::published};
    }
    return best;
  }

  bool nodes_are_even(const Group& group) {
    return std::ranges::all_of(folds_of(group), [](const Fold& part) {
      return static_cast<std::int64_t>(part.members.front().size()) * part.nodes == part.ranks;
    });
  }

  /// Every node of the group can, and has the same number of members.
  bool reduces_in_switch(const Group& group) {
    return nodes_are_even(group) && std::ranges::all_of(folds_of(group), [&](const Fold& part) {
             const workload::Node& node = network.kind_of(part.node);
             return node.intra.in_switch_reduction && use_of(node).nvls_efficiency > 0 &&
                    std::ssize(part.members.front()) >= facts.nvls_least_gpus;
           });
  }

  Topology network;
  LibraryFacts facts;
  Memo<PathKey, Path> paths;
  Memo<DispatchKey, Path> dispatches;
  Memo<Group, std::vector<Fold>> folds;
};

CommunicationModel::CommunicationModel(const workload::Cluster& cluster)
    : impl_(std::make_unique<Impl>(cluster)) {}
CommunicationModel::~CommunicationModel() = default;
CommunicationModel::CommunicationModel(CommunicationModel&&) noexcept = default;
CommunicationModel& CommunicationModel::operator=(CommunicationModel&&) noexcept = default;

bool CommunicationModel::has(Collective what, Algorithm algorithm, const Group& group) const {
  const bool gathers_or_scatters = what == Collective::all_gather || what == Collective::reduce_scatter;
  switch (algorithm) {
    case Algorithm::automatic:
    case Algorithm::direct: return true;
    case Algorithm::ring: return what != Collective::all_to_all;
    case Algorithm::double_tree: return what == Collective::all_reduce || what == Collective::broadcast;
    case Algorithm::nvls: return what == Collective::all_reduce && impl_->reduces_in_switch(group);
    case Algorithm::grid2d: return what == Collective::all_reduce;
    case Algorithm::bruck: return gathers_or_scatters || what == Collective::all_to_all;
    case Algorithm::hierarchical:
      return (what == Collective::all_reduce || gathers_or_scatters || what == Collective::all_to_all) &&
             impl_->nodes_are_even(group);
    case Algorithm::recursive_doubling:
      return (what == Collective::all_reduce || what == Collective::all_gather) &&
             std::has_single_bit(static_cast<std::uint32_t>(group.size()));
    default:
      return collective::has(what, algorithm, group.size()) &&
             all_send_alike(collective::steps(what, algorithm, group.size()));
  }
}

CommunicationTime CommunicationModel::collective(Collective what, Algorithm algorithm, const Group& group,
                                                 Bytes bytes) const {
  ensure(has(what, algorithm, group), "the group can do the collective that way");
  if (group.size() == 1) return {.estimate = {.source = Source::published}, .algorithm = algorithm};
  // NCCL's is a message to each other rank, all at once.
  if (what == Collective::all_to_all && algorithm == Algorithm::automatic) algorithm = Algorithm::direct;
  if (algorithm != Algorithm::automatic)
    return impl_->price(impl_->path(what, algorithm, group), algorithm, bytes);
  CommunicationTime best = impl_->price(impl_->path(what, Algorithm::ring, group), Algorithm::ring, bytes);
  for (const Algorithm other : {Algorithm::double_tree, Algorithm::nvls}) {
    if (!has(what, other, group)) continue;
    const CommunicationTime time = impl_->price(impl_->path(what, other, group), other, bytes);
    if (time.estimate.seconds < best.estimate.seconds) best = time;
  }
  return best;
}

CommunicationTime CommunicationModel::dispatch(const ops::RowExchange& rows, const Group& group,
                                               Bytes bytes) const {
  if (group.size() == 1) return {.estimate = {.source = Source::published}, .algorithm = Algorithm::direct};
  CommunicationTime time = impl_->price(impl_->path(rows, group), Algorithm::direct, bytes);
  if (!rows.rides) return time;
  const Seconds sent_anyway = impl_->price(impl_->path(rows, group), Algorithm::direct, {}).estimate.seconds;
  time.estimate.seconds = std::max(time.estimate.seconds - sent_anyway, Seconds{});
  return time;
}

CommunicationTime CommunicationModel::point_to_point(const Group& pair, Bytes bytes) const {
  return impl_->price(impl_->path(pair), Algorithm::ring, bytes);
}

}  // namespace ds::cost
