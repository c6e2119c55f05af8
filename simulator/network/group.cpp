// Counts and lists the ranks of a group.
#include "simulator/network/group.h"

#include <algorithm>

namespace ds::network {

std::int32_t Group::size() const {
  std::int32_t size = 1;
  for (const Extent& extent : members) size *= extent.count;
  return size;
}

std::vector<std::int32_t> Group::ranks() const {
  std::vector<std::int32_t> ranks{first};
  for (const Extent& extent : members) {
    const std::size_t before = ranks.size();
    for (std::int32_t i = 1; i < extent.count; ++i)
      for (std::size_t r = 0; r < before; ++r) ranks.push_back(ranks[r] + i * extent.stride);
  }
  return ranks;
}

namespace {

/// Whether a node's ranks are whole numbers of the extent's steps, and it is cut by no node's end or by all alike.
bool nests(const Extent& extent, std::int64_t ranks_per_node) {
  const std::int64_t length = std::int64_t{extent.count} * extent.stride;
  if (extent.stride % ranks_per_node == 0) return true;
  if (ranks_per_node % extent.stride != 0) return false;
  return length <= ranks_per_node ? ranks_per_node % length == 0 : length % ranks_per_node == 0;
}

}  // namespace

std::vector<std::int32_t> Group::placements(std::int32_t ranks_per_node) const {
  const auto in_nodes = [&](const Extent& extent) { return nests(extent, ranks_per_node); };
  if (std::ranges::all_of(members, in_nodes) && std::ranges::all_of(siblings, in_nodes)) return {first};
  std::vector<std::int32_t> starts{first};
  std::vector<bool> seen(static_cast<std::size_t>(ranks_per_node));
  seen[static_cast<std::size_t>(first % ranks_per_node)] = true;
  for (const Extent& extent : siblings) {
    const std::size_t before = starts.size();
    for (std::size_t s = 0; s < before; ++s)
      for (std::int32_t i = 1; i < std::min(extent.count, ranks_per_node); ++i) {
        const std::int32_t start = starts[s] + i * extent.stride;
        const auto place = static_cast<std::size_t>(start % ranks_per_node);
        if (seen[place]) continue;
        seen[place] = true;
        starts.push_back(start);
      }
  }
  return starts;
}

bool Group::leaves_node(std::int64_t ranks_per_node) const {
  std::int64_t length = 0;  // all members lie between the first and the last
  for (const Extent& extent : members) length += std::int64_t{extent.count - 1} * extent.stride;
  return std::ranges::any_of(placements(static_cast<std::int32_t>(ranks_per_node)), [&](std::int64_t start) {
    return (start + length) / ranks_per_node != start / ranks_per_node;
  });
}

Group group_over(std::string_view placement, const std::vector<Axis>& axes,
                 const std::vector<std::string_view>& members, const std::vector<std::string_view>& apart) {
  Group group;
  std::int32_t stride = 1;
  while (!placement.empty()) {
    const std::size_t end = std::min(placement.find('-'), placement.size());
    const std::string_view name = placement.substr(0, end);
    placement.remove_prefix(std::min(end + 1, placement.size()));
    const auto axis = std::ranges::find(axes, name, &Axis::name);
    if (axis == axes.end() || axis->size == 1) continue;
    const Extent extent{.count = axis->size, .stride = stride};
    stride *= axis->size;
    if (std::ranges::find(members, name) != members.end())
      group.members.push_back(extent);
    else if (std::ranges::find(apart, name) == apart.end())
      group.siblings.push_back(extent);
  }
  return group;
}

}  // namespace ds::network
