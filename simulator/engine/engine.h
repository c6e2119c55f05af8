#pragma once
// How long a step takes: two depths over one program, given a duration for every operator.
//
//   event     plays every instruction of every rank, three steps, and reports the third
//   analytic  collapses each template once and adds up the calls
//
// On one rank the two agree to 1e-9. `Durations` come from the cost model (seconds of each operator of the program).

#include <limits>
#include <vector>

#include "simulator/program/program.h"
#include "simulator/program/timeline.h"

namespace ds::engine {

/// How long things take alone.
struct Durations {
  std::vector<Seconds> operators;  // by program::OpId
  std::vector<std::vector<Seconds>>
      communications;  // by template and instruction; empty where nothing communicates
};

/// Processor cores that the ranks share. Where there are fewer than ranks, ranks that compute at a time get equal shares.
struct Cores {
  double count{std::numeric_limits<double>::infinity()};
};

/// Plays the program with lanes and hazards on buffer instances, one rank for each class. Rows are those of the third
/// step; a communication's row begins when the rank is ready for it.
program::Timeline play(const program::Program& program, const Durations& durations, Cores cores = {});

/// What the analytic depth knows of a template: its length on the compute lane, by part.
struct Collapsed {
  Seconds compute, optimizer;
  Seconds total() const { return compute + optimizer; }
};

/// The step without playing it.
program::StepSummary analyse(const program::Program& program, const Durations& durations);

}  // namespace ds::engine
