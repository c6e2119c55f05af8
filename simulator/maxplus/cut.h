#pragma once
// The point at which a step ends and the next begins, for all classes at a time.

#include <optional>
#include <span>
#include <vector>

#include "simulator/maxplus/outline.h"

namespace ds::maxplus {

/// By class, the item that all items issued before it lead to and that leads to all issued after it: for several classes one
/// that they all meet at. From its end to its end in the next step is what a step takes, whatever runs over the seam.
/// The last one of the step; none where lanes never come together like that.
std::optional<std::vector<std::int32_t>> find_cut(std::span<const Outline* const> classes);

}  // namespace ds::maxplus
