#pragma once

#include "simulator/engine/engine.h"

namespace ds::engine {

/// What an instruction computes, in seconds: its operators one after the other. Both depths ask here.
inline Seconds computing_time(const program::Program& program, const program::Instruction& instruction,
                              const Durations& durations) {
  Seconds sum{};
  for (const program::Operator& op : program.operators_of(instruction))
    sum += durations.operators[program::index(op.op)];
  return sum;
}

}  // namespace ds::engine
