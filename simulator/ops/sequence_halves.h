#pragma once
// Which tokens of a sequence a rank has, where ranks share it out.

#include <cstdint>

namespace ds::ops {

/// A sequence is cut into two halves a rank, of which rank r has the r-th and the r-th from behind, so that all have as many
/// causal pairs (Llama 3, arXiv 2407.21783, section 3.3.2). Place in the sequence of token `i` of the `own` that rank `rank` of
/// `ranks` has; a rank's tokens are in the order of the sequence.
constexpr std::int64_t place_in_sequence(std::int64_t own, std::int64_t ranks, std::int64_t rank,
                                         std::int64_t i) {
  const std::int64_t early = own / 2, late = own - early;
  return i < early ? rank * early + i : ranks * early + (ranks - 1 - rank) * late + (i - early);
}

}  // namespace ds::ops
