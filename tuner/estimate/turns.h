#pragma once
// In which order the passes of all stages can be gone through, one after another, so that each finds what it waits for.

#include <cstdint>
#include <vector>

#include "simulator/workload/job.h"

namespace ds::tuner {

struct Pipeline;

/// The next pass of a stage.
struct Turn {
  std::uint16_t stage{};
  std::uint16_t chunk{};
  std::int32_t micro{};
  bool forward{};
};

class Turns {
 public:
  explicit Turns(const Pipeline& pipeline);

  /// False where the stages wait for each other for ever.
  bool possible() const { return possible_; }
  const std::vector<Turn>& list() const { return list_; }
  /// Messages forward that a chunk has memory for when they come in beside the compute lane.
  std::int32_t slots(std::size_t cell) const { return slots_[cell]; }

 private:
  bool possible_{true};
  std::vector<Turn> list_;
  std::vector<std::int32_t> slots_;  // by stage * chunks + chunk
};

}  // namespace ds::tuner
