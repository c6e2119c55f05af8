// Progressive filling (Bertsekas and Gallager, "Data Networks", 1992, section 6.5.2): all rates rise together until a
// link is full; its flows keep what they have, the others rise on. Links wait in a heap by the level at which they are
// full, so that a settling costs the places of its flows, and the logarithm of the links where levels differ.
#include "simulator/network/fair_share.h"

#include <algorithm>
#include <functional>
#include <limits>

#include "simulator/base/error.h"

namespace ds::network {

FairShare::FairShare(std::span<const double> capacities) : links_(capacities.size()) {
  for (std::size_t i = 0; i < capacities.size(); ++i) {
    ensure(capacities[i] > 0, "a link has capacity");
    links_[i].capacity = capacities[i];
  }
}

std::int32_t FairShare::add(std::span<const std::int32_t> links, double weight) {
  ensure(!links.empty() && weight > 0, "a flow has a link and a weight");
  if (free_.empty()) {
    free_.push_back(static_cast<std::int32_t>(flows_.size()));
    flows_.emplace_back();
  }
  const std::int32_t number = free_.back();
  free_.pop_back();
  Flow& flow = flows_[number];
  flow.weight = weight;
  flow.rate = 0;
  for (const std::int32_t link : links) {
    std::vector<Member>& members = links_[link].members;
    members.push_back({number, static_cast<std::int32_t>(flow.places.size())});
    flow.places.push_back({link, static_cast<std::int32_t>(members.size()) - 1});
    mark(link);
  }
  return number;
}

void FairShare::remove(std::int32_t number) {
  Flow& flow = flows_[number];
  ensure(!flow.places.empty(), "a flow is removed once");
  for (const Place& place : flow.places) {
    std::vector<Member>& members = links_[place.link].members;
    const Member moved = members.back();  // fills the gap
    members[place.index] = moved;
    flows_[moved.flow].places[moved.place].index = place.index;
    members.pop_back();
    mark(place.link);
  }
  flow.places.clear();
  flow.rate = 0;
  free_.push_back(number);
}

double FairShare::load(std::int32_t link) const {
  double sum = 0;
  for (const Member& member : links_[link].members) sum += flows_[member.flow].rate;
  return sum;
}

void FairShare::mark(std::int32_t link) {
  if (!links_[link].dirty) dirty_.push_back(link);
  links_[link].dirty = true;
}

void FairShare::see(std::int32_t link) {
  if (!links_[link].seen) connected_links_.push_back(link);
  links_[link].seen = true;
}

/// All links and flows that a change can have reached. What is not connected cannot have changed.
void FairShare::collect_connected() {
  connected_links_.clear();
  connected_flows_.clear();
  for (const std::int32_t link : dirty_) {
    links_[link].dirty = false;
    see(link);
  }
  dirty_.clear();
  std::size_t next = 0;
  while (next < connected_links_.size()) {  // which grows on the way
    for (const Member& member : links_[connected_links_[next++]].members) {
      Flow& flow = flows_[member.flow];
      if (flow.seen) continue;
      flow.seen = true;
      connected_flows_.push_back(member.flow);
      for (const Place& place : flow.places) see(place.link);
    }
  }
}

/// Takes the links that are full first, and returns their level, rate per weight: not below `level`, whatever rounding
/// says. A link's own level only rises while others fill, so that the heap may lag behind; what comes up is looked at anew.
double FairShare::fill(double level) {
  full_.clear();
  double next = std::numeric_limits<double>::infinity();
  while (!open_.empty() && open_.front().level <= next) {
    std::ranges::pop_heap(open_, std::greater{}, &Open::level);
    Open& top = open_.back();
    const Link& link = links_[top.link];
    if (link.unsettled == 0) {
      open_.pop_back();
      continue;
    }
    const double now = std::max(level, link.left / link.weight);
    if (now > top.level) {
      top.level = now;
      std::ranges::push_heap(open_, std::greater{}, &Open::level);
      continue;
    }
    if (full_.empty()) next = now;
    full_.push_back(top.link);
    open_.pop_back();
  }
  return next;
}

void FairShare::settle_members(std::int32_t link, double level) {
  for (const Member& member : links_[link].members) {
    Flow& flow = flows_[member.flow];
    if (flow.settled) continue;
    flow.settled = true;
    flow.rate = level * flow.weight;
    for (const Place& place : flow.places) {
      Link& other = links_[place.link];
      if (other.settled_weight == 0) touched_.push_back(place.link);
      other.settled_weight += flow.weight;
      --other.unsettled;
    }
  }
}

/// Weights are summed before the level multiplies them: with whole weights the result does not depend on the order.
void FairShare::finish_round(double level) {
  for (const std::int32_t touched : touched_) {
    Link& link = links_[touched];
    link.left -= level * link.settled_weight;
    link.weight -= link.settled_weight;
    link.settled_weight = 0;
  }
  touched_.clear();
}

std::span<const std::int32_t> FairShare::settle() {
  collect_connected();
  open_.clear();
  for (const std::int32_t number : connected_links_) {
    Link& link = links_[number];
    link.seen = false;
    link.left = link.capacity;
    link.weight = 0;
    link.unsettled = static_cast<std::int32_t>(link.members.size());
  }
  for (const std::int32_t number : connected_flows_) {
    Flow& flow = flows_[number];
    flow.seen = flow.settled = false;
    for (const Place& place : flow.places) links_[place.link].weight += flow.weight;
  }
  for (const std::int32_t number : connected_links_)
    if (const Link& link = links_[number]; link.unsettled > 0)
      open_.push_back({.level = link.left / link.weight, .link = number});
  std::ranges::make_heap(open_, std::greater{}, &Open::level);
  for (double level = 0; !open_.empty();) {
    level = fill(level);
    for (const std::int32_t link : full_) settle_members(link, level);
    finish_round(level);
  }
  return connected_flows_;
}

}  // namespace ds::network
