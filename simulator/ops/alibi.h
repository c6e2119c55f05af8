#pragma once
// Scores of attention that lose by distance instead of positions.

#include <cmath>
#include <cstdint>

namespace ds::ops {

/// What the `head`-th of `heads` loses for each token of distance: with a power of two of heads 2^(-8 / heads) to the power of its
/// number from 1 on; of others the first so many as of the next lower power, the rest every other one of twice that
/// (Press et al. 2022, and their published code; BLOOM, MPT, Falcon).
inline double alibi_slope(std::int64_t head, std::int64_t heads) {
  std::int64_t power = 1;
  while (2 * power <= heads) power *= 2;
  const bool plain = head < power;
  const auto number = static_cast<double>(plain ? head + 1 : 2 * (head - power) + 1);
  return std::exp2(-(plain ? 8.0 : 4.0) * number / static_cast<double>(power));
}

}  // namespace ds::ops
