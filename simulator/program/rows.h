#pragma once
// What a row of a timeline is of, and which kinds of instruction compute or communicate.

#include "simulator/program/timeline.h"
#include "simulator/program/walk.h"

namespace ds::program {

inline const Instruction& instruction_of(const Program& program, const Row& row) {
  return program.instruction(row.id);
}

constexpr bool computes(Kind kind) {
  switch (kind) {
    case Kind::compute:
    case Kind::optimizer: return true;
    case Kind::send:
    case Kind::receive:
    case Kind::collective:
    case Kind::copy:
    case Kind::launches: return false;
  }
  return false;
}

/// With other ranks; a copy to the host does neither.
constexpr bool communicates(Kind kind) {
  switch (kind) {
    case Kind::send:
    case Kind::receive:
    case Kind::collective: return true;
    case Kind::compute:
    case Kind::optimizer:
    case Kind::copy:
    case Kind::launches: return false;
  }
  return false;
}

/// From one rank to one other.
constexpr bool is_message(Kind kind) { return kind == Kind::send || kind == Kind::receive; }

/// Work of a pass's own in the compute lane: neither a message nor done once a step.
inline bool is_own_work(const Instruction& instruction) {
  return instruction.lane == LaneId{0} && !instruction.of_step && !is_message(instruction.kind);
}

/// What another lane than the compute lane communicates in a pass: in a layer it stands beside the work.
inline bool is_beside_work(const Instruction& instruction) {
  return communicates(instruction.kind) && !instruction.of_step && instruction.lane != LaneId{0};
}

}  // namespace ds::program
