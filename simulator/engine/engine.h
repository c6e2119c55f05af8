#pragma once
// How long a step takes: two depths over one program, given a duration for every operator.
//
//   event     plays every instruction of every rank, three steps, and reports the third
//   analytic  collapses each template once and adds up the calls
//
// On one rank the two agree to 1e-9. `Durations` come from the cost model (seconds of each operator of the program).

#include <vector>

#include "simulator/program/program.h"
#include "simulator/program/timeline.h"

namespace ds::engine {

/// Seconds of each operator, by program::OpId.
using Durations = std::vector<Seconds>;

/// Plays the program with lanes and hazards on buffer instances. Rows are those of the third step.
program::Timeline play(const program::Program& program, const Durations& durations);

/// What the analytic depth knows of a template: its length on the compute lane, by part.
struct Collapsed {
  Seconds compute, optimizer;
  Seconds total() const { return compute + optimizer; }
};

/// The step without playing it.
program::StepSummary analyse(const program::Program& program, const Durations& durations);

}  // namespace ds::engine
