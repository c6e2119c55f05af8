// A collective over equal nodes of equal GPUs. All nodes do the same at the same time, so that one is played that stands for all:
// what it sends to another comes in again where it would arrive there. A GPU sends on what it has as soon as it has it, even while
// it still sends something else; both then share its links.
#include <algorithm>
#include <bit>
#include <cmath>

#include "simulator/base/error.h"
#include "simulator/links/folded_node.h"

namespace ds::links {
namespace {

/// Messages of which each waits for the one before.
class Chain {
 public:
  explicit Chain(network::Messages& all) : all_(all) {}
  void add(Index way, double bytes) {
    const Index message = all_.add(way, bytes);
    if (last_ >= 0) all_.order(last_, message);
    last_ = message;
  }

 private:
  network::Messages& all_;
  Index last_{-1};
};

/// Node after node, and in each all GPUs in their order, turned by the ring's number: so it leaves a node at the GPU before the one
/// at which it enters the next. Returns the ways from each place to the next.
std::vector<Index> ways_around(FoldedNode& node, const Cluster& c, std::int64_t ring) {
  std::vector<Index> ways;
  const auto turn = static_cast<Index>(ring % c.gpus),
             nic = static_cast<Index>(ring % std::max<std::int64_t>(1, c.nics));
  const auto gpu = [&](Index place) { return (place + turn) % node.gpus(); };
  for (Index place = 0; place < node.gpus(); ++place) {
    const bool leaves = place + 1 == node.gpus() && c.nodes > 1;
    ways.push_back(leaves ? node.across(gpu(place), gpu(place + 1), nic, nic)
                          : node.inside(gpu(place), gpu(place + 1)));
  }
  return ways;
}

/// How often a chunk is sent on around a ring of that many ranks.
std::int64_t hops_of(Collective what, std::int64_t ranks) {
  if (what == Collective::shift) return 1;
  return passes_of(what) * (ranks - 1);
}

Played ring(const Spec& spec, const Cluster& c) {
  FoldedNode node(c);
  const std::int64_t hops = hops_of(spec.what, c.ranks());
  const auto chunks = static_cast<double>(spec.what == Collective::shift ? 1 : c.ranks() * spec.rings);
  for (std::int64_t ring = 0; ring < spec.rings; ++ring) {
    const std::vector<Index> ways = ways_around(node, c, ring);
    for (std::int64_t start = 0; start < c.gpus; ++start) {
      Chain chain(node.messages());
      for (std::int64_t hop = 0; hop < hops; ++hop)
        chain.add(ways[(start + hop) % c.gpus], spec.bytes / chunks);
    }
  }
  return node.play(hops);
}

/// Rows are nodes: a chunk of a row goes around it, its parts go around the column of the GPU where it is complete, and it goes
/// around the row again.
Played grid2d(const Spec& spec, const Cluster& c) {
  FoldedNode node(c);
  const double chunk = spec.bytes / static_cast<double>(c.gpus), part = chunk / static_cast<double>(c.nodes);
  std::vector<Index> row, column;
  for (Index gpu = 0; gpu < node.gpus(); ++gpu) {
    row.push_back(node.inside(gpu, (gpu + 1) % node.gpus()));
    if (c.nodes > 1) column.push_back(node.across(gpu, gpu));
  }
  const std::int64_t across = hops_of(Collective::all_reduce, c.nodes);
  for (Index start = 0; start < node.gpus(); ++start) {
    Chain chain(node.messages());
    Index at = start;
    const auto around_row = [&] {
      for (Index hop = 1; hop < node.gpus(); ++hop) {
        chain.add(row[at], chunk);
        at = (at + 1) % node.gpus();
      }
    };
    around_row();
    for (std::int64_t hop = 0; hop < across; ++hop) chain.add(column[at], part);
    around_row();
  }
  return node.play(2 * (c.gpus - 1) + across);
}

/// Once or, for an all-reduce, twice everyone to everyone. A GPU begins the second time when all of its own chunk has come.
Played direct(const Spec& spec, const Cluster& c) {
  FoldedNode node(c);
  const double message = spec.bytes / static_cast<double>(c.ranks()),
               others = static_cast<double>(c.nodes - 1);
  const int passes = passes_of(spec.what);
  std::vector<Index> complete;
  for (int pass = 0; pass < passes; ++pass) {
    std::vector<Index> begun = std::move(complete);
    complete.clear();
    for (Index to = 0; to < node.gpus(); ++to) complete.push_back(node.junction());
    const auto send = [&](Index way, Index from, Index to, double weight) {
      const Index sent = node.messages().add(way, weight * message, weight);
      if (!begun.empty()) node.messages().order(begun[from], sent);
      node.messages().order(sent, complete[to]);
    };
    for (Index from = 0; from < node.gpus(); ++from)
      for (Index to = 0; to < node.gpus(); ++to) {
        if (from != to) send(node.inside(from, to), from, to, 1);
        if (c.nodes > 1) send(node.across(from, to), from, to, others);
      }
  }
  return node.play(passes);
}

/// A rank's block in a step holds all that came in the steps before.
Played halving_doubling(const Spec& spec, const Cluster& c) {
  FoldedNode node(c);
  std::vector<std::int64_t> distances;
  for (std::int64_t d = c.ranks() / 2; d >= 1; d /= 2) distances.push_back(d);
  if (spec.what == Collective::all_gather) std::ranges::reverse(distances);
  if (spec.what == Collective::all_reduce)
    for (std::size_t i = distances.size(); i-- > 0;) distances.push_back(distances[i]);
  std::vector<Index> has;  // each GPU, before the step
  for (const std::int64_t distance : distances) {
    std::vector<Index> next;
    for (Index gpu = 0; gpu < node.gpus(); ++gpu) {
      next.push_back(node.junction());
      if (!has.empty()) node.messages().order(has[gpu], next[gpu]);
    }
    for (Index from = 0; from < node.gpus(); ++from) {
      const bool leaves = distance >= c.gpus;
      const Index to = leaves ? from : from ^ static_cast<Index>(distance);
      const Index sent =
          node.messages().add(leaves ? node.across(from, to) : node.inside(from, to),
                              spec.bytes * static_cast<double>(distance) / static_cast<double>(c.ranks()));
      if (!has.empty()) node.messages().order(has[from], sent);
      node.messages().order(sent, next[to]);
    }
    has = std::move(next);
  }
  return node.play(std::ssize(distances));
}

/// One message alone on its links.
double hop_inside(const Cluster& c, double bytes) { return c.node_latency.value + bytes / c.gpu_bytes_per_s; }
double hop_across(const Cluster& c, double bytes) {
  return c.fabric_latency.value +
         bytes / std::min({c.gpu_bytes_per_s, c.nic_bytes_per_s, c.fabric_bytes_per_s()});
}

/// What the links of a cycle or a chain carry, each of them `busiest` at most.
Played along_cycle(const Cluster& c, double seconds, std::int64_t steps, double gpu_bytes, double nic_bytes,
                   double busiest) {
  Played played{.time = Seconds{seconds}, .steps = steps, .loads = {}};
  const auto add = [&](const char* what, double bytes, double rate) {
    played.loads.push_back({.what = what,
                            .bytes = bytes,
                            .busiest_bytes = busiest,
                            .bytes_per_s = rate,
                            .time = played.time,
                            .steps = steps});
  };
  add("gpu", gpu_bytes, c.gpu_bytes_per_s);
  if (c.nodes > 1) add("nic", nic_bytes, c.nic_bytes_per_s);
  if (c.nodes > 1 && c.oversubscription > 1) add("fabric", nic_bytes, c.fabric_bytes_per_s());
  return played;
}

/// One message at a time: all go at the pace of the slowest link, which carries its messages without a break.
Played relay(const Spec& spec, const Cluster& c) {
  const auto ranks = static_cast<double>(c.ranks()), nodes = static_cast<double>(c.nodes);
  const double hops = ranks * (ranks - 1) / 2, piece = spec.bytes / ranks;
  double slowest = 0;
  if (c.gpus > 1) slowest = hop_inside(c, piece);
  if (c.nodes > 1) slowest = std::max(slowest, hop_across(c, piece));
  return along_cycle(c, hops * slowest, static_cast<std::int64_t>(hops), ranks * hops * piece,
                     nodes * hops * piece, hops * piece);
}

/// A chain from rank 0 on, chunk behind chunk: the first goes over all links, and the others follow at the pace of the slowest.
Played ring_broadcast(const Spec& spec, const Cluster& c) {
  const auto ranks = static_cast<double>(c.ranks()), across = static_cast<double>(c.nodes - 1);
  const double inside = ranks - 1 - across, chunk = spec.bytes / ranks;
  double seconds = 0, slowest = 0;
  if (inside > 0) seconds = inside * hop_inside(c, chunk), slowest = hop_inside(c, chunk);
  if (across > 0) {
    seconds += across * hop_across(c, chunk);
    slowest = std::max(slowest, hop_across(c, chunk));
  }
  return along_cycle(c, seconds + (ranks - 1) * slowest, 2 * (c.ranks() - 1), (ranks - 1) * spec.bytes,
                     across * spec.bytes, spec.bytes);
}

/// All of it leaves rank 0: by its link, and what goes to other nodes by one card.
Played direct_broadcast(const Spec& spec, const Cluster& c) {
  const auto near = static_cast<double>(c.gpus - 1), far = static_cast<double>((c.nodes - 1) * c.gpus);
  FoldedNode node(c);
  if (near > 0) node.messages().add(node.inside(0, 1), near * spec.bytes, near);
  if (far > 0) node.messages().add(node.across(0, 0), far * spec.bytes, far);
  // They end at many GPUs, none of whose links is as busy as those that they leave by.
  for (network::Way& way : node.messages().ways)
    std::erase_if(way.links, [&](Index link) { return link >= node.gpus() && link < 2 * node.gpus(); });
  Played played = node.play(1);
  for (LinkLoad& load : played.loads) load.bytes /= static_cast<double>(c.nodes);  // one node alone sends
  return played;
}

}  // namespace

Played over_cluster(const Spec& spec, const Cluster& c) {
  const bool broadcast = spec.what == Collective::broadcast;
  if (c.ranks() == 1) return along_cycle(c, 0, 0, 0, 0, 0);
  if (spec.what == Collective::shift) return ring(spec, c);
  switch (spec.algorithms.front()) {
    case Algorithm::ring: return broadcast ? ring_broadcast(spec, c) : ring(spec, c);
    case Algorithm::halving_doubling: return halving_doubling(spec, c);
    case Algorithm::direct: return broadcast ? direct_broadcast(spec, c) : direct(spec, c);
    case Algorithm::relay: return relay(spec, c);
    case Algorithm::grid2d: return grid2d(spec, c);
  }
  ensure(false, "reading has refused what a cluster does not have");
  return {};
}

Work work_of(const Spec& spec, const Cluster& c) {
  const auto gpus = static_cast<double>(c.gpus), nodes = static_cast<double>(c.nodes);
  const double passes = passes_of(spec.what);
  if (spec.what == Collective::broadcast || spec.what == Collective::shift)
    return {.messages = gpus, .at_once = 1};
  switch (spec.algorithms.front()) {
    case Algorithm::ring: {
      const double chunks = static_cast<double>(spec.rings) * gpus;
      return {.messages = chunks * passes * (gpus * nodes - 1), .at_once = chunks};
    }
    case Algorithm::halving_doubling:
      return {.messages = passes * 2 * gpus * std::ceil(std::log2(gpus * nodes)), .at_once = gpus};
    case Algorithm::direct: return {.messages = passes * 2 * gpus * gpus, .at_once = 1};
    case Algorithm::relay: return {.messages = 1, .at_once = 1};
    case Algorithm::grid2d: return {.messages = gpus * 2 * (gpus + nodes), .at_once = gpus};
  }
  return {};
}

}  // namespace ds::links
