#pragma once
// What a program's operators and communications take alone, by the machine of its job.

#include "simulator/cost/machine.h"
#include "simulator/engine/engine.h"

namespace ds::engine {

/// All that there is to price stands in the program; where its ranks are, in its grid.
Durations price(const program::Program& program, const cost::Machine& machine);

/// The same where the seconds of the program's first operators are known.
Durations price(const program::Program& program, const cost::Machine& machine,
                std::vector<Seconds> operators);

/// The communication of an instruction, for the ranks of a class.
cost::Communication communication_of(const program::Program& program, const program::RankClass& ranks,
                                     const program::Instruction& instruction);

}  // namespace ds::engine
