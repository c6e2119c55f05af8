#pragma once
// What ranks do together. The algorithms, as steps of who sends which chunk to whom, are listed beside this.

#include <cstdint>

namespace ds::collective {

enum class Collective : std::uint8_t { all_reduce, all_gather, reduce_scatter, broadcast, shift };

}  // namespace ds::collective
