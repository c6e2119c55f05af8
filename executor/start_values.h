#pragma once
// What a rank's memory holds before its first step.

#include <cstdint>

#include "executor/binding.h"
#include "simulator/program/program.h"

namespace ds::executor {

/// Writes what the program expects a rank to find before its first step: weights by their start distribution, zero
/// moments, the rope table. A weight's value depends on the seed, its tensor's name and its place in the logical tensor
/// alone, so that it is the same on whichever ranks it lies.
void write_start_values(const program::Program& program, std::int32_t rank, const Binding& binding,
                        Device& device, std::uint64_t seed);

}  // namespace ds::executor
