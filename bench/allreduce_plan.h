#pragma once
// What both sides of the all-reduce benchmark do: sizes, and how often.

#include <algorithm>
#include <cstdint>
#include <ctime>

namespace ds::bench {

inline constexpr std::int64_t kSizes[] = {1 << 10, 16 << 10, 256 << 10, 4 << 20, 64 << 20};  // bytes of fp32

/// Seconds of one call of `all_reduce`, in the best of several batches: neighbours on the machine only ever add, and few
/// calls of a small size would last less than a clock's noise.
template <class AllReduce>
double best_seconds(std::int64_t bytes, AllReduce all_reduce) {
  const auto now = [] {
    timespec t{};
    ::clock_gettime(CLOCK_MONOTONIC, &t);
    return static_cast<double>(t.tv_sec) + 1e-9 * static_cast<double>(t.tv_nsec);
  };
  const std::int64_t batches = 9, calls = std::clamp<std::int64_t>((2 << 20) / bytes, 1, 256);
  for (int i = 0; i < 3; ++i) all_reduce();  // maps the pages, fills the caches
  double best = 1e9;
  for (std::int64_t b = 0; b < batches; ++b) {
    const double begin = now();
    for (std::int64_t c = 0; c < calls; ++c) all_reduce();
    best = std::min(best, (now() - begin) / static_cast<double>(calls));
  }
  return best;
}

}  // namespace ds::bench
