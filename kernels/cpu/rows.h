#pragma once
// Rows of elements: add, deliver a finished sum, sums over tokens.

#include "kernels/arguments.h"
#include "kernels/cpu/lanes.h"

namespace ds::kernels::cpu::DS_INSTRUCTION_SET {

template <class T>
[[gnu::always_inline]] inline void add_row(T* to, const T* from, std::int64_t n) {
  each_vector<T>(n, [&](auto at) { store(to, at, load(to, at) + load(from, at)); });
}

/// Finished sums go into a weight gradient: added to what is there (one rounding a micro-batch), or written.
template <class T>
[[gnu::always_inline]] inline void deliver(const ops::Op& op, T* to, const T* sums, std::int64_t n) {
  if (op.accumulate) {
    add_row(to, sums, n);
  } else {
    std::memcpy(to, sums, static_cast<std::size_t>(n) * sizeof(T));
  }
}

template <class T>
[[gnu::always_inline]] inline void zero(T* to, std::int64_t n) {
  std::memset(to, 0, static_cast<std::size_t>(n) * sizeof(T));
}

}  // namespace ds::kernels::cpu::DS_INSTRUCTION_SET
