// The rule by which each operand of an operator was touched long ago or just now.
#include "executor/calibrate/last_touch.h"

namespace ds::executor {
namespace {

using ops::Access;
using ops::Pass;
using ops::Role;

/// Whether the input gradient, which runs just before the weight gradient, has read it.
bool read_by_input_gradient(const ops::Op& op, const ops::Operand& operand) {
  if (!ops::has_pass(op.what, Pass::input_gradient)) return false;
  ops::Op before = op;
  before.pass = Pass::input_gradient;
  return ops::operands(before).find(operand.name) >= 0;
}

/// Results of a forward pass are kept for the backward pass, so they go where no operator has been since the micro-batch
/// before. Gradients of activations live briefly, in memory that every layer uses again.
LastTouch written(const ops::Op& op) {
  return op.pass == Pass::forward ? LastTouch::long_ago : LastTouch::lately;
}

LastTouch read(const ops::Op& op, const ops::Operand& operand) {
  if (op.pass == Pass::forward) {
    // The residual stream waits for a whole branch; all else was written by the operator before.
    const bool stream = std::holds_alternative<ops::Add>(op.what) && operand.name == "a";
    return stream ? LastTouch::lately : LastTouch::just_now;
  }
  if (operand.name == "residual") return LastTouch::lately;
  if (op.pass == Pass::weight_gradient && read_by_input_gradient(op, operand)) return LastTouch::just_now;
  const bool gradient =
      operand.name.front() == 'd';  // dy, do, dqkv; what the forward pass kept has its own name
  return gradient ? LastTouch::just_now : LastTouch::long_ago;
}

}  // namespace

LastTouch last_touch(const ops::Op& op, const ops::Operand& operand) {
  switch (operand.role) {
    case Role::weight:
    case Role::gradient:
    case Role::state: return LastTouch::long_ago;
    case Role::workspace: return LastTouch::lately;
    case Role::tokens:
    case Role::scalar:
    case Role::table: return LastTouch::just_now;
    case Role::activation: return operand.access == Access::write ? written(op) : read(op, operand);
  }
  return LastTouch::long_ago;
}

}  // namespace ds::executor
