#pragma once
// Which ranks take part in a communication, and which groups do the same beside it. A group is what is left of the rank
// space when some axes vary and the others stand still: with axes laid out by a placement, a few (count, stride).

#include <cstdint>
#include <string_view>
#include <vector>

namespace ds::network {

struct Extent {
  std::int32_t count{}, stride{};
  auto operator<=>(const Extent&) const = default;
};

/// Ranks first + i0 * stride0 + i1 * stride1 + ..., i within count. The groups beside it are the same, moved by the
/// extents of `siblings`. No two extents overlap: smaller ones fit into the stride of the next larger.
struct Group {
  std::int32_t first{};
  std::vector<Extent> members, siblings;

  std::int32_t size() const;
  /// All members, ascending where strides ascend.
  std::vector<std::int32_t> ranks() const;
  /// Whether its members, or those of a group beside it, are in several nodes, of so many ranks each.
  bool leaves_node(std::int64_t ranks_per_node) const;
  /// First ranks of the groups that lie differently in nodes of so many ranks, the own one first. Mostly that is one; of
  /// groups of three on nodes of four it is four, and only one of them stays inside a node.
  std::vector<std::int32_t> placements(std::int32_t ranks_per_node) const;
  auto operator<=>(const Group&) const = default;
};

/// An axis of the plan and its size.
struct Axis {
  std::string_view name;
  std::int32_t size{};
};

/// `placement` names axes, the fastest first: "tp-cp-ep-dp-pp". Axes that `axes` lacks have size 1. `members` are the axes
/// over which the group communicates; those of `apart` are at other work (pipeline stages, say), all others are siblings.
/// The group is the one of rank 0. Where ep divides dp, give {"ep", ep} and {"dp", dp / ep}: experts talk over ep, dense
/// gradients over both.
Group group_over(std::string_view placement, const std::vector<Axis>& axes,
                 const std::vector<std::string_view>& members,
                 const std::vector<std::string_view>& apart = {});

}  // namespace ds::network
