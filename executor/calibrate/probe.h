#pragma once
// How fast this core is right now: machines share their cores, so every comparison says what the machine gave.

#include "simulator/base/units.h"
#include "simulator/program/program.h"

namespace ds::executor {

/// Rate of a large fp32 GEMM, in processor time and by the clock. Takes some 0.2 s.
struct GemmProbe {
  FlopsPerSecond cpu, wall;
};
GemmProbe probe_gemm();

/// Processor seconds that the matrix products of the linear layers of one step take when nothing else runs, on the rank that
/// has most of them: the limit that a step can approach.
Seconds gemm_only(const program::Program& program);

}  // namespace ds::executor
