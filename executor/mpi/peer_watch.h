#pragma once
// For a rank that waits for others: whether one of those on its host was stopped. A launcher sees only who has died.

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <vector>

#include "simulator/base/units.h"

namespace ds::executor {

/// Where process numbers mean the same: one kernel, one space of numbers.
std::uint64_t process_space();

class PeerWatch {
 public:
  /// By rank; 0 of one in another space, which cannot be seen.
  PeerWatch(std::int32_t me, std::vector<pid_t> processes, Seconds limit = {10});

  /// Call it over and over while waiting. Throws MachineError, which names the rank, once one has been stopped for the limit;
  /// only time between two calls counts, and not more than half a second of it.
  void look();

 private:
  std::int32_t me_;
  std::vector<pid_t> processes_;
  std::vector<Seconds> stopped_;
  Seconds limit_;
  std::int64_t last_ns_{0};
};

}  // namespace ds::executor
