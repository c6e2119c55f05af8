#pragma once
// Private to searchers: candidates in an order by chance, without memory.

#include <bit>
#include <cstdint>

#include "simulator/base/random.h"
#include "tuner/space/space.h"

namespace ds::tuner {

/// A bijection of 0 .. size - 1 that needs no memory: a Feistel network (Luby & Rackoff 1988, "How to construct pseudorandom
/// permutations from pseudorandom functions") over the next even number of bits, walked until it falls into the range
/// (Black & Rogaway 2002, "Ciphers with arbitrary finite domains"). Less than four steps on average.
class Permutation {
 public:
  Permutation(Index size, std::uint64_t seed)
      : size_(static_cast<std::uint64_t>(size)),
        half_bits_((static_cast<unsigned>(std::bit_width(size_ - 1)) + 1U) / 2U),
        mask_((1ULL << half_bits_) - 1),
        rounds_{seed, 1} {}

  Index operator()(Index index) const {
    auto at = static_cast<std::uint64_t>(index);
    do at = once(at);
    while (at >= size_);
    return static_cast<Index>(at);
  }

 private:
  static constexpr std::uint64_t kRounds = 4;

  std::uint64_t once(std::uint64_t at) const {
    std::uint64_t left = at >> half_bits_, right = at & mask_;
    for (std::uint64_t round = 0; round < kRounds; ++round) {
      const std::uint64_t mixed = left ^ (rounds_.at((round << 32U) ^ right) & mask_);
      left = right;
      right = mixed;
    }
    return (left << half_bits_) | right;
  }

  std::uint64_t size_;
  unsigned half_bits_;
  std::uint64_t mask_;
  RandomStream rounds_;
};

}  // namespace ds::tuner
