#pragma once
// The arithmetic of collectives.

#include <cstddef>
#include <cstdint>
#include <span>

#include "simulator/base/data_type.h"

namespace ds::executor {

/// Whether `combine` can add that type; any type can be copied.
constexpr bool can_add(DataType type) { return type == DataType::fp32 || type == DataType::fp64; }

/// destinations[j][i] = sources[0][i] + sources[1][i] + ..., summed in this order whoever does it, so that the bits do not
/// depend on who and when; one source: a copy. `bytes` is whole elements. A destination is one of the sources or apart
/// from all.
void combine(DataType type, std::span<const std::byte* const> sources,
             std::span<std::byte* const> destinations, std::int64_t bytes);

}  // namespace ds::executor
