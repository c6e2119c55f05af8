#pragma once
// The steady state of a step: calls that come again and again, each time so many micro-batches further.

#include <cstdint>
#include <span>

#include "simulator/program/program.h"

namespace ds::engine {

/// Calls from `begin` up to `end`: each from begin + period on does what the one `period` before it does.
struct SteadyCalls {
  std::int32_t begin{}, end{}, period{};
  std::int32_t micro_batches{};  // of a period
};

/// The longest such part of a step around its middle; empty where nothing comes again.
SteadyCalls steady_calls(std::span<const program::Call> calls);

}  // namespace ds::engine
