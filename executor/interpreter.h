#pragma once
// Runs the program with real kernels: the executor's twin of engine::play. A lane is a queue of the device. Instructions
// are issued in the program's order, each behind the events that the scoreboard says it waits for, and the host runs ahead
// of the device: it waits for the compute lane where it reads what that lane wrote, and where it is too far ahead.

#include <cstdint>
#include <optional>
#include <vector>

#include "executor/binding.h"
#include "executor/communicator.h"
#include "executor/device/device.h"
#include "executor/lane_events.h"
#include "executor/measured_step.h"
#include "kernels/kernels.h"
#include "simulator/program/program.h"
#include "simulator/program/scoreboard.h"

namespace ds::executor {

/// What the host reads after a step.
struct StepResult {
  double loss{};       // nats per token
  double grad_norm{};  // before clipping
  bool finite{};
};

/// The communicators of a rank. A rank's sends of a shift and its receives of that shift have one each, every group has one.
/// It hears at which instruction of the compute lane the rank is, to be told with the rank's death.
class Communicators : public StatusListener {
 public:
  /// Issues an exchange to a queue of the device: it starts after everything issued there before, and what is issued there
  /// afterwards, an event say, comes when it has ended.
  virtual void issue(const program::Instruction& instruction, const Exchange& exchange, QueueId queue) = 0;
  void set_status(const StepPoint& /*point*/) override {}
};

class Interpreter {
 public:
  /// `communicators` may be null for a program without communication.
  Interpreter(const program::Program& program, std::int32_t rank, const Binding& binding, Device& device,
              Communicators* communicators, kernels::Library library);

  /// Runs the phases of one step whose condition holds. The host has written tokens and control. `measured` may be null.
  /// Throws MachineError as the communicators do.
  StepResult run_step(std::int32_t step, MeasuredStep* measured);

  /// Runs the forward calls alone on the tokens that the host has written; weights stay as they are. Nats per token of
  /// the micro-batches of this rank, where it holds the head; else 0.
  double run_forward();

  /// What has ended since it was asked last, of steps that had been reported before.
  std::vector<LateRow> take_late();

  /// Waits until what other lanes hold has ended as well: after the last step, and before buffers are read.
  void drain();

 private:
  /// An instruction in an iteration of its block and a call.
  struct Occurrence {
    const program::Instruction& instruction;
    std::int32_t iteration;
    const program::Call& call;
  };

  void begin_run(bool measuring);
  void issue_call(const program::Call& call, std::int32_t number, std::int32_t step);
  void issue(const Occurrence& one, const program::Row& row);
  void issue_work(const Occurrence& one, QueueId queue);
  void issue_operators(const Occurrence& one, QueueId queue);
  Exchange exchange_of(const Occurrence& one) const;
  bool condition_holds(program::When when);
  /// The scalars that the compute lane has written last.
  std::vector<double> scalars();

  const program::Program& program_;
  const program::RankClass& ranks_;
  std::int32_t rank_;
  const Binding& binding_;
  Device& device_;
  Communicators* communicators_;
  kernels::Library library_;
  std::vector<ops::Op> ops_;           // by OpId, as this rank runs them
  std::vector<kernels::Run> kernels_;  // by OpId; null until it is issued first
  program::Scoreboard scoreboard_;
  std::vector<program::Position> waits_;  // of the instruction that is being issued
  LaneEvents lanes_;
  RowEvents rows_;
  bool measuring_{false};
  std::optional<Event> computed_;  // the end of what the compute lane was given last, without a break since
};

}  // namespace ds::executor
