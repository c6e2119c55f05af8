#pragma once
// The one piece of memory that a rank works in. Nothing is allocated within a step.

#include <cstddef>
#include <span>
#include <vector>

#include "simulator/base/units.h"
#include "simulator/memory/memory.h"
#include "simulator/program/program.h"

namespace ds::executor {

/// Pages of anonymous memory, every one written once at the start by the rank that uses them: first touch costs about
/// 1 GB/s in a virtual machine, and would otherwise be paid inside the first steps. Behind the last byte stands a page
/// that may not be touched.
class Arena {
 public:
  /// Throws MachineError when the memory is not to be had.
  explicit Arena(Bytes size);
  ~Arena();
  Arena(const Arena&) = delete;
  Arena& operator=(const Arena&) = delete;

  std::byte* base() const { return base_; }
  Bytes size() const { return size_; }

 private:
  std::byte* base_{};
  Bytes size_;
  std::size_t mapped_{};
};

/// Where every (buffer, slot) of a program is. Measures by itself how much of the arena it has bound; under
/// AddressSanitizer what no buffer covers is poisoned.
class Binding {
 public:
  Binding(const program::Program& program, const memory::Layout& layout, const Arena& arena);

  /// Address of a use in a call.
  void* address(const program::Use& use, const program::Call& call) const;
  /// First byte of a buffer's slot.
  std::byte* slot(program::BufferId buffer, std::int32_t slot) const;
  template <class T>
  T* as(program::BufferId buffer, std::int32_t slot_number = 0) const {
    return reinterpret_cast<T*>(slot(buffer, slot_number));
  }
  template <class T>
  std::span<T> tensor(program::ViewId view) const {
    const program::View& v = program_.view(view);
    return {reinterpret_cast<T*>(slot(v.buffer, 0) + v.offset.value),
            static_cast<std::size_t>(v.shape.elements())};
  }

  /// Highest byte of all buffers bound, rounded up to the alignment of buffers: the measured peak of the arena.
  Bytes highest_byte() const { return highest_; }

 private:
  void poison_gaps(const Arena& arena) const;

  const program::Program& program_;
  std::vector<std::vector<std::byte*>> slots_;  // by buffer and slot
  Bytes highest_;
};

}  // namespace ds::executor
