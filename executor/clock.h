#pragma once
// The two clocks of a rank: wall time, and the processor time of its own thread, which does not count what other
// programs on the same cores take away.

#include <cstdint>
#include <ctime>

#include "simulator/base/units.h"

namespace ds::executor {

struct Instant {
  Seconds wall, cpu;
  friend Instant operator-(Instant a, Instant b) { return {a.wall - b.wall, a.cpu - b.cpu}; }
};

inline Seconds read_clock(clockid_t id) {
  timespec t{};
  ::clock_gettime(id, &t);
  return {static_cast<double>(t.tv_sec) + 1e-9 * static_cast<double>(t.tv_nsec)};
}

inline Instant now() { return {read_clock(CLOCK_MONOTONIC), read_clock(CLOCK_THREAD_CPUTIME_ID)}; }

/// A clock that all processes of a host share.
inline std::int64_t monotonic_ns() {
  timespec t{};
  ::clock_gettime(CLOCK_MONOTONIC, &t);
  return std::int64_t{t.tv_sec} * 1'000'000'000 + t.tv_nsec;
}

}  // namespace ds::executor
