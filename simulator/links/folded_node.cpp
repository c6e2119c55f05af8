// Links are numbered: GPUs out, GPUs in, NICs out, NICs in, and the ways up to the fabric and down where these are narrower.
#include "simulator/links/folded_node.h"

#include <algorithm>
#include <span>
#include <utility>

namespace ds::links {

FoldedNode::FoldedNode(const Cluster& cluster)
    : c_(cluster), gpus_(static_cast<Index>(c_.gpus)), nics_(static_cast<Index>(c_.nics)) {
  all_.capacities.assign(2 * c_.gpus, c_.gpu_bytes_per_s);
  if (c_.nodes == 1) return;
  all_.capacities.resize(2 * (c_.gpus + c_.nics), c_.nic_bytes_per_s);
  if (c_.oversubscription > 1) all_.capacities.resize(up() + 2, c_.fabric_bytes_per_s());
}

Index FoldedNode::inside(Index from, Index to) { return add_way({c_.node_latency, {from, gpus_ + to}}); }

Index FoldedNode::across(Index from, Index to, Index nic_out, Index nic_in) {
  network::Way way{c_.fabric_latency, {from, 2 * gpus_ + nic_out, 2 * gpus_ + nics_ + nic_in, gpus_ + to}};
  if (c_.oversubscription > 1)
    for (const Index link : {up(), up() + 1}) way.links.push_back(link);
  return add_way(std::move(way));
}

Index FoldedNode::junction() {
  if (nowhere_ < 0) nowhere_ = add_way({});
  return all_.add(nowhere_, 0);
}

Index FoldedNode::add_way(network::Way way) {
  all_.ways.push_back(std::move(way));
  return static_cast<Index>(all_.ways.size()) - 1;
}

/// Of so many links out, behind which there are as many in.
LinkLoad FoldedNode::load_of(const char* what, const std::vector<double>& carried, Index first,
                             Index links) const {
  const auto number = static_cast<std::size_t>(links);
  const std::span<const double> both = std::span(carried).subspan(first, 2 * number);
  LinkLoad load;
  load.what = what;
  load.bytes_per_s = all_.capacities[first];
  for (const double bytes : both.first(number)) load.bytes += static_cast<double>(c_.nodes) * bytes;
  load.busiest_bytes = std::ranges::max(both);
  return load;
}

Played FoldedNode::play(std::int64_t steps) const {
  Played played{.time = Seconds{std::ranges::max(network::message_times(all_))}, .steps = steps, .loads = {}};
  std::vector<double> carried(all_.capacities.size());
  for (const auto& message : all_.messages)
    for (const Index link : all_.ways[message.way].links) carried[link] += message.bytes;
  played.loads.push_back(load_of("gpu", carried, 0, gpus_));
  if (c_.nodes > 1) played.loads.push_back(load_of("nic", carried, 2 * gpus_, nics_));
  if (c_.nodes > 1 && c_.oversubscription > 1) played.loads.push_back(load_of("fabric", carried, up(), 1));
  for (LinkLoad& load : played.loads) load.time = played.time, load.steps = steps;
  return played;
}

}  // namespace ds::links
