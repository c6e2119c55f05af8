#pragma once
// Seconds of one instruction, undisturbed.

#include "simulator/engine/engine.h"

namespace ds::engine {

/// What an instruction takes alone: its operators one after the other, or its communication. Both depths ask here.
Seconds alone(const program::Program& program, const Durations& durations, std::size_t rank_class,
              program::InstructionId id);

}  // namespace ds::engine
