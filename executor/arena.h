#pragma once
// The one piece of memory that a rank works in. Nothing is allocated within a step.

#include <cstddef>

#include "simulator/base/units.h"

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

}  // namespace ds::executor
