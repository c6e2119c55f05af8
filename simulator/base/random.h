#pragma once
// A counter-based generator: the value at (seed, stream, index) is a pure function of the three, so a weight has the
// same start value however the model is sharded, and a resumed run draws what the unbroken one would have drawn.

#include <cmath>
#include <cstdint>

namespace ds {

/// Finaliser of SplitMix64 (Steele, Lea & Flood 2014, "Fast splittable pseudorandom number generators"): a bijection
/// of 64 bits in which every input bit changes every output bit with probability near one half.
constexpr std::uint64_t mix(std::uint64_t z) {
  z = (z ^ (z >> 30U)) * 0xbf58476d1ce4e5b9ULL;
  z = (z ^ (z >> 27U)) * 0x94d049bb133111ebULL;
  return z ^ (z >> 31U);
}

/// One stream of random numbers; `at(index)` has no state.
struct RandomStream {
  std::uint64_t key{};

  constexpr RandomStream(std::uint64_t seed, std::uint64_t stream)
      : key(mix(seed + 0x9e3779b97f4a7c15ULL) ^ mix(stream * 0xd1342543de82ef95ULL + 0x2545f4914f6cdd1dULL)) {
  }

  constexpr std::uint64_t at(std::uint64_t index) const {
    return mix(key + 0x9e3779b97f4a7c15ULL * (index + 1));
  }
  /// In [0, 1), 53 random bits.
  constexpr double uniform(std::uint64_t index) const {
    return static_cast<double>(at(index) >> 11U) * 0x1.0p-53;
  }
  /// In [0, n), n > 0. Bias below n / 2^64.
  constexpr std::uint64_t below(std::uint64_t n, std::uint64_t index) const {
    __extension__ using Wide = unsigned __int128;
    return static_cast<std::uint64_t>((static_cast<Wide>(at(index)) * n) >> 64U);
  }
  /// Standard normal by Box and Muller (1958).
  double normal(std::uint64_t index) const {
    constexpr double kTwoPi = 6.283185307179586476925;
    const double radius = std::sqrt(-2.0 * std::log(1.0 - uniform(2 * index)));
    return radius * std::cos(kTwoPi * uniform(2 * index + 1));
  }
};

}  // namespace ds
