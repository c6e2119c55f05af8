#pragma once
// Where every (buffer, slot) of a rank's program is in its device's memory.

#include <vector>

#include "executor/device/device.h"
#include "simulator/memory/memory.h"
#include "simulator/program/walk.h"

namespace ds::executor {

/// Measures by itself how much of the memory it has bound, and tells the device to watch over the rest.
class Binding {
 public:
  /// `layout`: that of the rank's class.
  Binding(const program::Program& program, const memory::Layout& layout, std::int32_t rank, Device& device);

  /// Offset of a use in an iteration of its block and a call.
  Bytes offset(const program::Use& use, std::int32_t iteration, const program::Call& call) const;
  /// Offset of a buffer's slot.
  Bytes slot_at(const program::Copy& copy, std::int32_t slot) const;
  Bytes slot(program::BufferId buffer, std::int32_t slot = 0) const { return slot_at({buffer, 0}, slot); }
  /// Offset of a view, in iteration `copy`, into a buffer that has one slot.
  Bytes offset(program::ViewId view, std::int32_t copy = 0) const;

  /// Highest byte of all buffers bound, rounded up to the alignment of buffers: the measured peak of the arena.
  Bytes highest_byte() const { return highest_; }

 private:
  const program::Program& program_;
  program::Instances instances_;
  std::vector<Bytes> offsets_;  // by instance
  std::vector<Bytes> inside_;   // by view: where it begins in its buffer, for this rank
  Bytes highest_;
};

}  // namespace ds::executor
