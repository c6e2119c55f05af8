#pragma once
// Where the time of one rank goes. An interval is computing or not. Of the time in or waiting for a communication, at most
// what that communication takes alone is its own; the rest is the pipeline's bubble, or without a pipeline `other`.

#include <vector>

#include "simulator/program/timeline.h"

namespace ds::program {

/// The part that a group's communication belongs to: of the axes over which it really reaches, the widest.
Seconds TimeParts::* part_of(const Program& program, const Comm& comm);

class Attribution {
 public:
  /// `alone`: seconds that communications take alone; where empty, what their rows took.
  Attribution(const Program& program, const AloneTimes& alone) : program_(program), alone_(alone) {}

  /// Rows of the rank, in the order of issue.
  void add(const Row& row);
  /// The parts of a step of that length, which they add up to.
  TimeParts parts(Seconds length);

  /// A communication and what is left of its own time.
  struct Open {
    Seconds start, end, left;
    Seconds TimeParts::* part;
  };

 private:
  struct Computing {
    Seconds start, end;
    Seconds TimeParts::* part;
  };
  const Program& program_;
  const AloneTimes& alone_;
  std::vector<Open> communications_;
  std::vector<Computing> computing_;
};

}  // namespace ds::program
