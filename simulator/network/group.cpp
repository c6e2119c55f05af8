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

bool Group::leaves_node(std::int64_t ranks_per_node) const {
  std::int64_t last = first;  // all members lie between the two
  for (const Extent& extent : members) last += std::int64_t{extent.count - 1} * extent.stride;
  return last / ranks_per_node != first / ranks_per_node;
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
