#pragma once
// What a program's operators and communications take alone, by the machine of its job.

#include "simulator/cost/machine.h"
#include "simulator/engine/engine.h"

namespace ds::engine {

/// `job` is the one that the program was lowered from: it says where the ranks are.
Durations price(const program::Program& program, const workload::Job& job, const cost::Machine& machine);

/// The communication of an instruction, for the ranks of a class.
cost::Communication communication_of(const program::Program& program, const program::RankClass& ranks,
                                     const program::Instruction& instruction);

}  // namespace ds::engine
