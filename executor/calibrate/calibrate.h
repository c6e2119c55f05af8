#pragma once
// Measures operators alone, in thread CPU seconds, the way a training step runs them: every operand comes from where the
// step would find it (last_touch.h), and the clocks are read as often.

#include <vector>

#include "executor/clock.h"
#include "kernels/kernels.h"
#include "simulator/base/progress.h"
#include "simulator/ops/ops.h"

namespace ds::executor {

struct OperatorTime {
  ops::Op op;
  double seconds{};  // median over the rounds
  double sigma{};    // relative: median absolute deviation x 1.4826
};

struct CalibrationOptions {
  int rounds{5};
  Progress progress;
  const StopToken* stop{};
};

/// Shapes of small and middle-sized models: GEMM in its three passes, attention in both forms, all others by size.
std::vector<ops::Op> calibration_grid();

/// Interleaved rounds over the whole list, so that a slow minute of the machine touches all operators alike.
/// Returns nothing when it is asked to stop.
std::vector<OperatorTime> measure_operators(const std::vector<ops::Op>& list,
                                            const CalibrationOptions& options);

}  // namespace ds::executor
