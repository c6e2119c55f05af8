#pragma once
// How often something comes in a step of the first class of ranks.

#include "simulator/program/walk.h"

namespace ds::support {

/// visit(instruction) for each instruction that a healthy step of the first class calls, as often as it comes.
template <class Visit>
void for_each_of_a_step(const program::Program& program, Visit&& visit) {
  for (const program::Call& call : program::healthy_calls(program.classes.front()))
    program::for_each_instruction(
        program.body(call), [&](program::InstructionId id, std::int32_t) { visit(program.instruction(id)); });
}

inline std::int64_t count(const program::Program& program, collective::Collective what,
                          program::Group group) {
  std::int64_t sum = 0;
  for_each_of_a_step(program, [&](const program::Instruction& one) {
    const bool is = one.kind == program::Kind::collective && one.comm.what == what && one.comm.group == group;
    sum += is ? 1 : 0;
  });
  return sum;
}

/// Operators of a kind in a pass.
template <class What>
std::int64_t count(const program::Program& program, ops::Pass pass) {
  std::int64_t sum = 0;
  for_each_of_a_step(program, [&](const program::Instruction& instruction) {
    for (const program::Operator& one : program.operators_of(instruction)) {
      const ops::Op& op = program.op(one.op);
      sum += std::holds_alternative<What>(op.what) && op.pass == pass ? 1 : 0;
    }
  });
  return sum;
}

}  // namespace ds::support
