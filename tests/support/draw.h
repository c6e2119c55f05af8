#pragma once
// Random numbers one after the other, for tests that draw whole worlds: the same ones for the same seed.

#include <cstddef>
#include <cstdint>
#include <initializer_list>

#include "simulator/base/random.h"

namespace ds::support {

class Draw {
 public:
  explicit Draw(std::uint64_t seed) : stream_(seed, 1) {}
  std::int64_t from(std::int64_t first, std::int64_t last) {
    return first +
           static_cast<std::int64_t>(stream_.below(static_cast<std::uint64_t>(last - first + 1), next_++));
  }
  bool coin() { return from(0, 1) == 1; }
  double uniform(double low, double high) { return low + (high - low) * stream_.uniform(next_++); }
  template <class T>
  T one_of(std::initializer_list<T> values) {
    return values.begin()[static_cast<std::size_t>(from(0, static_cast<std::int64_t>(values.size()) - 1))];
  }

 private:
  RandomStream stream_;
  std::uint64_t next_{0};
};

}  // namespace ds::support
