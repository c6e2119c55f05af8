// The traffic of a collective over one node, in closed form or from its steps, and how long its links are busy with it.
#include "simulator/cost/traffic.h"

#include <algorithm>
#include <bit>
#include <map>
#include <span>

#include "simulator/base/error.h"

namespace ds::cost {
namespace {

using collective::Collective;
using network::Extent;
using network::Group;
using network::Topology;

/// Reduce-scatter and all-gather are the two halves of all_reduce.
double halves(Collective what) { return what == Collective::all_reduce ? 2 : 1; }

/// Each to every other member of its node, `share` in all; or to the next. One alone sends nothing.
void spread(Round& round, const Fold& fold, const std::vector<std::int32_t>& members, double share) {
  if (members.size() == 1) return;
  if (!fold.in_order) {
    round.spreads.push_back({members, share});
    return;
  }
  for (std::size_t i = 0; i < members.size(); ++i)
    round.messages.push_back({.from = members[i], .to = members[(i + 1) % members.size()], .share = share});
}

/// Members of a group that send to other nodes: as many as its thinnest node has.
std::size_t ways_out(const Fold& fold, const std::vector<std::int32_t>& members) {
  return std::min(members.size(), static_cast<std::size_t>(fold.fewest));
}

/// As many as all nodes have, to the GPU of the same place in other nodes.
void leave(Round& round, const Fold& fold, const std::vector<std::int32_t>& members, double share) {
  for (const std::int32_t gpu : std::span(members).first(ways_out(fold, members)))
    round.messages.push_back({.from = gpu, .to = gpu, .across = true, .share = share});
}

/// Where rank `rank` stands in the group of shape `group` (index), and in which of the groups beside it (sibling); false
/// if in none.
bool locate(const Group& group, std::int32_t rank, std::int32_t& index, std::int32_t& sibling) {
  struct Digit {
    Extent extent;
    std::int32_t times;
    std::int32_t* number;
  };
  std::vector<Digit> digits;
  index = sibling = 0;
  std::int32_t times = 1;
  for (const Extent& e : group.members) {
    digits.push_back({e, times, &index});
    times *= e.count;
  }
  times = 1;
  for (const Extent& e : group.siblings) {
    digits.push_back({e, times, &sibling});
    times *= e.count;
  }
  std::ranges::sort(digits, std::ranges::greater{}, [](const Digit& d) { return d.extent.stride; });
  std::int32_t rest = rank - group.first;
  if (rest < 0) return false;
  for (const Digit& digit : digits) {
    const std::int32_t i = std::min(rest / digit.extent.stride, digit.extent.count - 1);
    *digit.number += i * digit.times;
    rest -= i * digit.extent.stride;
  }
  return rest == 0;
}

}  // namespace

std::vector<Fold> fold(const Topology& network, const Group& group, std::int32_t start) {
  std::vector<std::int32_t> in_node(network.nodes());  // members
  for (const std::int32_t rank : group.ranks()) ++in_node[network.node_of(rank + start - group.first)];
  std::map<std::int32_t, std::int32_t> fullest;  // node, by kind
  for (std::int32_t node = 0; node < network.nodes(); ++node) {
    if (in_node[node] == 0) continue;
    const auto [found, first] = fullest.try_emplace(network.kind_number(node), node);
    if (!first && in_node[node] > in_node[found->second]) found->second = node;
  }
  const auto nodes = network.nodes() - std::ranges::count(in_node, 0);
  std::int32_t fewest = group.size(), asked = 0, place = 0;
  for (const std::int32_t members : in_node)
    if (members > 0) fewest = std::min(fewest, members);
  ensure(locate(group, start, place, asked) && place == 0, "a group beside the one given");
  std::vector<Fold> folds;
  for (const auto& [kind, node] : fullest) {
    Fold& fold = folds.emplace_back(Fold{.node = node,
                                         .ranks = group.size(),
                                         .nodes = static_cast<std::int32_t>(nodes),
                                         .fewest = fewest,
                                         .in_order = network.links_of(node).sockets > 1});
    std::map<std::int32_t, std::vector<std::int32_t>> by_sibling;
    std::map<std::int32_t, std::int32_t> first_index;
    for (std::int32_t gpu = 0; gpu < network.links_of(node).gpus; ++gpu) {
      std::int32_t index = 0;
      std::int32_t sibling = 0;
      if (!locate(group, network.first_rank(node) + gpu, index, sibling)) continue;
      by_sibling[sibling].push_back(gpu);
      const auto [first, is_first] = first_index.try_emplace(sibling, index);
      if (!is_first) first->second = std::min(first->second, index);
    }
    const auto take = [&](std::int32_t sibling) {
      fold.members.push_back(std::move(by_sibling[sibling]));
      fold.first_index.push_back(first_index[sibling]);
    };
    take(asked);
    for (const auto& [sibling, first] : first_index)
      if (sibling != asked) take(sibling);
  }
  return folds;
}

Traffic ring_traffic(Collective what, const Fold& fold) {
  const double n = fold.ranks;
  if (what == Collective::shift) {
    Traffic traffic{.rounds = {Round{}}};
    for (const std::vector<std::int32_t>& members : fold.members)
      for (std::size_t i = 0; i < members.size(); ++i) {
        const bool last = i + 1 == members.size();
        if (last && fold.nodes == 1 && members.size() == 1) continue;
        traffic.rounds[0].messages.push_back({.from = members[i],
                                              .to = members[last ? 0 : i + 1],
                                              .across = last && fold.nodes > 1,
                                              .share = 1});
      }
    (fold.nodes > 1 ? traffic.hops_across : traffic.hops_inside) = 1;
    return traffic;
  }
  // A broadcast passes the whole buffer on once, in small pieces; the others a part in each step.
  const bool broadcast = what == Collective::broadcast;
  const double steps = halves(what) * (n - 1);
  Round round{.messages = {}, .spreads = {}, .repeats = broadcast ? 1 : steps};
  const double share = broadcast ? 1 : 1 / n;
  for (const std::vector<std::int32_t>& members : fold.members) {
    const auto m = static_cast<double>(members.size());
    const double out = fold.nodes > 1 ? 1 / m : 0;  // of a ring's m places in the node, one leaves it
    spread(round, fold, members, share * (1 - out));
    if (fold.nodes > 1) leave(round, fold, members, share / static_cast<double>(ways_out(fold, members)));
  }
  const double across = fold.nodes > 1 ? halves(what) * (fold.nodes - 1) : 0;
  return {.rounds = {round}, .hops_inside = steps - across, .hops_across = across};
}

namespace {

/// Of a double binary tree over several nodes: how often the buffer enters, and leaves, a node. In one tree of half the
/// buffer a node has two children and a parent, in the other it is a leaf. Of two nodes, each is the other's only child.
double tree_passes(Collective what, std::int32_t nodes) {
  return what == Collective::broadcast || nodes == 2 ? 1 : 2;
}

double tree_depth(std::int32_t nodes) {
  return static_cast<double>(std::bit_width(static_cast<std::uint32_t>(nodes - 1)));
}

}  // namespace

Traffic double_tree_traffic(Collective what, const Fold& fold) {
  const double ways = halves(what);  // up and down, or down only
  Round round;
  double deepest = 0;
  for (const std::vector<std::int32_t>& members : fold.members) {
    const auto m = static_cast<double>(members.size());
    deepest = std::max(deepest, m - 1);
    spread(round, fold, members, ways * (m - 1) / m);
    if (fold.nodes > 1)
      leave(round, fold, members,
            tree_passes(what, fold.nodes) / static_cast<double>(ways_out(fold, members)));
  }
  return {.rounds = {round}, .hops_inside = ways * deepest, .hops_across = ways * tree_depth(fold.nodes)};
}

Traffic nvls_traffic(const Fold& fold) {
  Round round;
  for (const std::vector<std::int32_t>& members : fold.members) {
    const auto m = static_cast<double>(members.size());
    spread(round, fold, members, 1 + 1 / m);
    if (fold.nodes > 1) leave(round, fold, members, tree_passes(Collective::all_reduce, fold.nodes) / m);
  }
  return {.rounds = {round}, .hops_across = 2 * tree_depth(fold.nodes)};
}

Traffic direct_traffic(Collective what, const Fold& fold) {
  if (what == Collective::shift) return ring_traffic(what, fold);
  const double n = fold.ranks;
  const bool broadcast = what == Collective::broadcast;
  Round round{.messages = {}, .spreads = {}, .repeats = halves(what)};
  for (const std::vector<std::int32_t>& members : fold.members) {
    const auto m = static_cast<double>(members.size());
    if (broadcast) {  // from the first member of one node
      for (std::size_t i = 1; i < members.size(); ++i)
        round.messages.push_back({.from = members[0], .to = members[i], .share = 1});
      if (n > m)
        round.messages.push_back({.from = members[0], .to = members[0], .across = true, .share = n - m});
      continue;
    }
    spread(round, fold, members, (m - 1) / n);
    if (n > m)
      for (const std::int32_t gpu : members)
        round.messages.push_back({.from = gpu, .to = gpu, .across = true, .share = (n - m) / n});
  }
  Traffic traffic{.rounds = {round}};
  (fold.nodes > 1 ? traffic.hops_across : traffic.hops_inside) = halves(what);
  return traffic;
}

Traffic hierarchical_traffic(Collective what, const Fold& fold) {
  const double ranks = fold.ranks, nodes = fold.nodes, here = ranks / nodes;
  const bool exchanges = what == Collective::all_to_all;
  const auto level = [&](double steps, double share, auto&& send) {
    Round round{.messages = {}, .repeats = steps};
    for (const std::vector<std::int32_t>& members : fold.members) send(round, members, share);
    return round;
  };
  const auto inside = [&](Round& round, const std::vector<std::int32_t>& members, double share) {
    spread(round, fold, members, share);
  };
  const auto across = [&](Round& round, const std::vector<std::int32_t>& members, double share) {
    leave(round, fold, members, share);
  };
  const double steps_inside = exchanges ? std::min(here - 1, 1.0) : here - 1;
  const double part_inside = exchanges ? (here - 1) / here : 1 / here;
  const double steps_across = exchanges ? std::min(nodes - 1, 1.0) : halves(what) * (nodes - 1);
  const double part_across = exchanges ? (nodes - 1) / nodes : 1 / ranks;
  Traffic traffic{.rounds = {level(steps_inside, part_inside, inside)},
                  .hops_inside = steps_inside * halves(what),
                  .hops_across = steps_across};
  if (fold.nodes > 1) traffic.rounds.push_back(level(steps_across, part_across, across));
  if (what == Collective::all_reduce) traffic.rounds.push_back(level(steps_inside, part_inside, inside));
  return traffic;
}

DispatchTraffic dispatch_traffic(const ops::RowExchange& rows, const Fold& fold) {
  const auto top_k = static_cast<double>(rows.top_k), nodes = static_cast<double>(fold.nodes);
  const double to_nodes = ops::expected_places(rows, nodes) * (nodes - 1) / nodes;
  const double to_ranks = ops::expected_places(rows, fold.ranks);
  DispatchTraffic traffic{.inside = {.rounds = {Round{}}}, .across = {.rounds = {Round{}}}};
  for (const std::vector<std::int32_t>& members : fold.members) {
    const auto m = static_cast<double>(members.size());
    if (members.size() > 1) {
      spread(traffic.inside.rounds[0], fold, members, to_ranks / top_k * (m - 1) / m);
      traffic.inside.hops_inside = 1;
    }
    if (fold.nodes == 1) continue;
    leave(traffic.across.rounds[0], fold, members,
          to_nodes / top_k * m / static_cast<double>(ways_out(fold, members)));
    traffic.across.hops_across = 1;
  }
  return traffic;
}

Traffic traffic_of(const collective::Steps& steps, const Fold& fold) {
  Traffic traffic;
  for (const collective::Step& step : steps.steps) {
    Round round;
    bool across = false;
    for (const collective::Transfer& transfer : step.transfers)
      for (std::size_t g = 0; g < fold.members.size(); ++g) {
        // A group that nodes cut has other members here than the one beside it.
        const std::vector<std::int32_t>& members = fold.members[g];
        const auto here = static_cast<std::int32_t>(members.size());
        const std::int32_t from = transfer.from - fold.first_index[g], to = transfer.to - fold.first_index[g];
        if (from < 0 || from >= here) continue;
        const bool inside = to >= 0 && to < here;
        across = across || !inside;
        round.messages.push_back({.from = members[from],
                                  .to = members[inside ? to : from],
                                  .across = !inside,
                                  .share = static_cast<double>(transfer.count) / steps.chunks});
      }
    (across ? traffic.hops_across : traffic.hops_inside) += 1;
    traffic.rounds.push_back(std::move(round));
  }
  return traffic;
}

bool all_send_alike(const collective::Steps& steps) {
  return std::ranges::all_of(steps.steps, [&](const collective::Step& step) {
    std::vector<bool> sends(static_cast<std::size_t>(steps.ranks));
    for (const collective::Transfer& transfer : step.transfers) {
      if (sends[static_cast<std::size_t>(transfer.from)] || transfer.count != step.transfers.front().count)
        return false;
      sends[static_cast<std::size_t>(transfer.from)] = true;
    }
    return std::ranges::count(sends, true) == steps.ranks;
  });
}

namespace {

/// As many messages as there are pairs, none of which is written down.
void add_spread(const Spread& spread, const network::NodeLinks& links, std::vector<double>& bytes) {
  const std::size_t others = spread.members.size() - 1;
  const double of_each = spread.share / static_cast<double>(others);
  for (const std::int32_t gpu : spread.members) {
    double& out = bytes[static_cast<std::size_t>(links.gpu_out(gpu))];
    double& in = bytes[static_cast<std::size_t>(links.gpu_in(gpu))];
    for (std::size_t other = 0; other < others; ++other) out += of_each, in += of_each;
    if (!links.mesh) continue;
    for (const std::int32_t other : spread.members)
      if (other != gpu) bytes[static_cast<std::size_t>(links.pair(gpu, other))] += of_each;
  }
}

}  // namespace

double seconds_per_byte(const Traffic& traffic, const Topology& network, std::int32_t node,
                        const std::vector<double>& capacities) {
  // Messages of a round go on at one pace, in pieces, so that the busiest link sets it.
  double seconds = 0;
  std::vector<double> bytes(capacities.size());
  for (const Round& round : traffic.rounds) {
    std::ranges::fill(bytes, 0);
    for (const Spread& spread : round.spreads) add_spread(spread, network.links_of(node), bytes);
    for (const NodeMessage& message : round.messages) {
      const network::Route route = network.folded_route(node, message.from, message.to, message.across);
      for (const std::int32_t link : route.links()) bytes[static_cast<std::size_t>(link)] += message.share;
    }
    double busiest = 0;
    for (std::size_t link = 0; link < bytes.size(); ++link)
      if (bytes[link] > 0) busiest = std::max(busiest, bytes[link] / capacities[link]);
    seconds += round.repeats * busiest;
  }
  return seconds;
}

}  // namespace ds::cost
