#pragma once
// Runs the program with real kernels: the executor's twin of engine::play.

#include <cstdint>
#include <vector>

#include "executor/arena.h"
#include "executor/clock.h"
#include "kernels/kernels.h"
#include "simulator/program/program.h"
#include "simulator/program/timeline.h"

namespace ds::executor {

/// One step as measured: the same rows on two clocks.
struct MeasuredStep {
  program::Timeline wall, cpu;
};

/// What the host reads after a step.
struct StepResult {
  double loss{};       // nats per token
  double grad_norm{};  // before clipping
  bool finite{};
};

class Interpreter {
 public:
  Interpreter(const program::Program& program, const Binding& binding, kernels::Library library);

  /// Runs the phases of one step whose condition holds. The host has written tokens and control. `measured` may be null.
  StepResult run_step(std::int32_t step, MeasuredStep* measured);

  /// Runs the forward calls alone on the tokens that the host has written; weights stay as they are. Nats per token.
  double run_forward();

 private:
  void run_call(const program::Call& call, std::int32_t number, std::int32_t step, MeasuredStep* measured);
  void run_instruction(const program::Instruction& instruction, const program::Call& call);
  bool condition_holds(program::When when) const;

  const program::Program& program_;
  const Binding& binding_;
  std::vector<kernels::Run> kernels_;  // by OpId
  kernels::Queue queue_;
  Instant step_begin_;
};

}  // namespace ds::executor
