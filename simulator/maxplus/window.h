#pragma once
// The items of a step in the order from one cut to the next: those issued behind it in the step before, then those of this
// step up to it. Without a cut, those of a step.

#include <cstdint>
#include <span>
#include <vector>

#include "simulator/maxplus/outline.h"

namespace ds::maxplus {

struct Window {
  Window(const Outline& outline, std::int32_t cut_item)
      : size(static_cast<std::int32_t>(outline.items.size())), cut(cut_item), all(outline) {}

  std::int32_t size;
  std::int32_t cut;  // item, or kNone
  Predecessors all;

  std::int32_t node(std::int32_t item) const {
    const std::int32_t at = item - cut - 1;
    return at < 0 ? at + size : at;
  }
  std::int32_t item(std::int32_t node) const {
    const std::int32_t at = node + cut + 1;
    return at >= size ? at - size : at;
  }
  std::span<const Predecessor> predecessors(std::int32_t node) const {
    return all.of(static_cast<std::size_t>(item(node)));
  }

  /// Where the predecessor of a node is. What is outside of the window has ended before it begins.
  enum class From : std::uint8_t { begin, inside, outside };
  From place(std::int32_t node, const Predecessor& one) const {
    const bool behind = item(node) > cut, from_behind = one.item > cut;  // the cut, in issue order
    if (one.item == cut) return behind != one.step_before ? From::begin : From::outside;
    if (behind == from_behind) return one.step_before ? From::outside : From::inside;
    return from_behind && one.step_before ? From::inside : From::outside;
  }

  /// The last node of every lane that has items.
  std::vector<std::int32_t> last_of_lanes(const Outline& outline) const {
    std::vector<std::int32_t> last(static_cast<std::size_t>(outline.lanes), kNone);
    for (std::int32_t v = 0; v < size; ++v)
      last[static_cast<std::size_t>(outline.items[static_cast<std::size_t>(item(v))].lane)] = v;
    std::erase(last, kNone);
    return last;
  }
};

}  // namespace ds::maxplus
