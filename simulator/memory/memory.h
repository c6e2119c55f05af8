#pragma once
// Bytes per rank over a program: which buffers may share memory, at which offsets, and what lives at the peak.
// The simulator reports the result, the executor binds its arena by it: one function, so the two are equal to the byte.

#include <cstdint>
#include <vector>

#include "simulator/base/units.h"
#include "simulator/program/program.h"

namespace ds::memory {

/// Every offset is a multiple of this: a cache line, and what vector loads like.
inline constexpr std::int64_t kAlignment = 64;

/// What lives at the peak. The sum of all is the arena; `other` holds gaps and alignment, and what the software keeps beside.
struct Parts {
  Bytes weights, gradients, optimizer, activations, buffers, other;
  Bytes total() const { return weights + gradients + optimizer + activations + buffers + other; }
};

struct Layout {
  /// By buffer of the class, copy by copy, the offset of each slot. Slots of life `step` are one block, which has one offset:
  /// slot s is at offset + s * size.
  std::vector<std::vector<Bytes>> offsets;
  Bytes arena;      // size of the memory that a rank needs
  Bytes live_peak;  // most bytes alive at once; arena / live_peak - 1 is what fragmentation costs
  Parts parts;      // at that instruction
};

/// Places the buffers of one rank class. Two share bytes only if every use of one is issued before the first write of
/// the other, in each step and over the seam between steps.
///
/// Method: the class's step is walked through in issue order; an instance is alive from a write of the whole to its
/// last use. Instances that are never alive together may overlap; they are placed first fit, largest first.
Layout layout(const program::Program& program, std::size_t rank_class);

}  // namespace ds::memory
