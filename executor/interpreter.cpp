#include "executor/interpreter.h"

#include <array>
#include <cmath>

#include "simulator/base/error.h"

namespace ds::executor {

using program::Kind;
using program::When;

Interpreter::Interpreter(const program::Program& program, const Binding& binding, kernels::Library library)
    : program_(program), binding_(binding) {
  for (const ops::Op& op : program.ops) kernels_.push_back(kernels::find(op, library));
}

bool Interpreter::condition_holds(When when) const {
  switch (when) {
    case When::always: return true;
    case When::finite: return binding_.as<double>(program_.host.scalars)[3] != 0;
    case When::overflow: return binding_.as<double>(program_.host.scalars)[3] == 0;
  }
  return false;
}

StepResult Interpreter::run_step(std::int32_t step, MeasuredStep* measured) {
  step_begin_ = now();
  std::int32_t number = 0;
  for (const program::Phase& phase : program_.classes[0].phases)
    if (condition_holds(phase.when))
      for (const program::Call& call : phase.calls) run_call(call, number++, step, measured);
  const double* scalars = binding_.as<double>(program_.host.scalars);
  return {.loss = scalars[0], .grad_norm = scalars[1], .finite = scalars[3] != 0};
}

double Interpreter::run_forward() {
  for (const program::Phase& phase : program_.classes[0].phases)
    for (const program::Call& call : phase.calls)
      if (program_.body(call).pass == program::Pass::forward) run_call(call, 0, 0, nullptr);
  double loss = 0;
  for (std::int32_t m = 0; m < program_.micro_batches; ++m)
    loss += *binding_.as<double>(program_.host.losses, m);
  return loss;
}

void Interpreter::run_call(const program::Call& call, std::int32_t number, std::int32_t step,
                           MeasuredStep* measured) {
  const program::Template& body = program_.body(call);
  Instant before = measured != nullptr ? now() - step_begin_ : Instant{};
  for (std::size_t i = 0; i < body.body.size(); ++i) {
    run_instruction(body.body[i], call);
    if (measured == nullptr) continue;
    const Instant after = now() - step_begin_;
    program::Row row{.step = step,
                     .call = number,
                     .instruction = static_cast<std::int32_t>(i),
                     .body = call.body,
                     .micro = call.micro[0]};
    row.start = before.wall, row.end = after.wall;
    measured->wall.rows.push_back(row);
    row.start = before.cpu, row.end = after.cpu;
    measured->cpu.rows.push_back(row);
    before = after;
  }
}

void Interpreter::run_instruction(const program::Instruction& instruction, const program::Call& call) {
  switch (instruction.kind) {
    case Kind::compute:
    case Kind::optimizer: break;
    case Kind::send:
    case Kind::receive:
    case Kind::collective:
    case Kind::copy: ensure(false, "one rank alone does not communicate");
  }
  for (const program::Operator& op : program_.operators_of(instruction)) {
    std::array<void*, ops::kMaxOperands> addresses{};
    const std::span<const program::Use> uses = program_.uses_of(op);
    for (std::size_t u = 0; u < uses.size(); ++u) addresses[u] = binding_.address(uses[u], call);
    kernels_[program::index(op.op)](program_.op(op.op), std::span(addresses).first(uses.size()), queue_);
  }
}

}  // namespace ds::executor
