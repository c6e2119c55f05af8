#pragma once
// Where every (buffer, slot) of a rank's program is in its device's memory.

#include <vector>

#include "executor/device/device.h"
#include "simulator/memory/memory.h"
#include "simulator/program/program.h"

namespace ds::executor {

/// Measures by itself how much of the memory it has bound, and tells the device to watch over the rest.
class Binding {
 public:
  /// `data_rank`: the rank's coordinate among those that share buckets.
  Binding(const program::Program& program, const memory::Layout& layout, std::int32_t data_rank,
          Device& device);

  /// Offset of a use in a call.
  Bytes offset(const program::Use& use, const program::Call& call) const;
  /// Offset of a buffer's slot.
  Bytes slot(program::BufferId buffer, std::int32_t slot = 0) const;
  /// Offset of a view into a buffer that has one slot.
  Bytes offset(program::ViewId view) const;

  /// Highest byte of all buffers bound, rounded up to the alignment of buffers: the measured peak of the arena.
  Bytes highest_byte() const { return highest_; }

 private:
  std::vector<MemoryRange> ranges() const;

  const program::Program& program_;
  std::int32_t data_rank_;
  std::vector<std::vector<Bytes>> slots_;  // by buffer and slot
  Bytes highest_;
};

}  // namespace ds::executor
