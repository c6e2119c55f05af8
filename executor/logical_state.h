#pragma once
// Trained state passes from one program to another without a file, by logical tensor: when a job is lowered anew, with
// other micro-batches, another precision or other axes, training goes on where it stood.
//
//   Logical state;
//   for (each rank of the old program) gather_state(old, rank, binding, device, state);
//   for (each rank of the new program) {
//     write_start_values(...);             // padding and tables, which no tensor has
//     load_state(now, rank, binding, device, state);
//   }
//
// The number of the next step stays with the host, which writes it into the control buffer.

#include <array>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "executor/binding.h"
#include "simulator/program/program.h"

namespace ds::executor {

enum class State : std::uint8_t { weight, first_moment, second_moment };
inline constexpr std::array kStates{State::weight, State::first_moment, State::second_moment};

/// One state of a whole tensor, row-major. A double holds what any narrower type holds, bit for bit.
struct LogicalState {
  std::vector<double> values;
  std::vector<bool> given;  // by element
  std::int64_t missing{};   // elements that nobody has given yet
};

struct LogicalTensor {
  ops::Shape shape;  // without the rows that pad a vocabulary: how many these are is the plan's affair
  std::array<LogicalState, kStates.size()> states;
};

/// By the tensor's logical name.
using Logical = std::map<std::string, LogicalTensor>;

/// Adds what the rank holds. What other ranks have given whole is not read again: copies are equal.
void gather_state(const program::Program& program, std::int32_t rank, const Binding& binding, Device& device,
                  Logical& into);

/// Overwrites the rank's part of every tensor that it trains, rounded to the program's type. Rows that pad the vocabulary stay
/// as they are. Throws InputError, before anything is written, where a tensor is missing, of another shape or not whole.
void load_state(const program::Program& program, std::int32_t rank, const Binding& binding, Device& device,
                const Logical& from);

}  // namespace ds::executor
