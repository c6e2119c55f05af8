#pragma once

#include "simulator/engine/engine.h"

namespace ds::engine {

/// What an instruction takes alone: its operators one after the other, or its communication. Both depths ask here.
Seconds alone(const program::Program& program, const Durations& durations, program::TemplateId body,
              std::size_t i);

}  // namespace ds::engine
