#pragma once
// Whether ranks had their cores to themselves: what a comparison has to know before it blames the prediction.

#include <cstdint>
#include <string>

#include "executor/measured_step.h"
#include "simulator/program/program.h"

namespace ds::cli {

/// The share of the clock's time in computing instructions, over all ranks of the step, in which their cores worked for somebody
/// else. An instruction that computes waits for nobody, so it takes as much processor time as time, but for that.
double taken_from_cores(const program::Program& program, const executor::MeasuredStep& step);

/// What people are told: a line, or nothing where it was too little to matter. `ranks` share `cores`.
std::string shared_cores_text(double taken, std::int32_t ranks, std::int32_t cores);

}  // namespace ds::cli
