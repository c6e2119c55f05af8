#pragma once
// Runs the program with real kernels: the executor's twin of engine::play.

#include <cstdint>
#include <deque>
#include <optional>
#include <vector>

#include "executor/binding.h"
#include "executor/communicator.h"
#include "executor/device/device.h"
#include "kernels/kernels.h"
#include "simulator/program/program.h"
#include "simulator/program/scoreboard.h"
#include "simulator/program/timeline.h"

namespace ds::executor {

/// One step as measured: the same rows on two clocks.
struct MeasuredStep {
  std::int64_t step{};
  Instant begin;  // by the wall's clock, which all ranks of a host share, and by the rank's own
  program::Timeline wall, cpu;

  void add(program::Row row, Instant start, Instant end);
};

/// An instruction that ended after the step that issued it.
struct LateRow {
  program::Row row;
  Instant start, end;
};

/// What the host reads after a step.
struct StepResult {
  double loss{};       // nats per token
  double grad_norm{};  // before clipping
  bool finite{};
};

/// The communicators of a rank.
class Links {
 public:
  Links() = default;
  virtual ~Links() = default;
  Links(const Links&) = delete;
  Links& operator=(const Links&) = delete;
  /// The one that serves a communication. A rank's sends of a shift and its receives of that shift have one each, every
  /// group has one.
  virtual Communicator& of(program::Kind kind, const program::Comm& comm) = 0;
  /// The rank is about to run this instruction on its compute lane; of a step below 0: while it judges. To be told with
  /// the rank's death.
  virtual void note(const program::Row& /*row*/) {}
};

class Interpreter {
 public:
  /// `links` may be null for a program without communication.
  Interpreter(const program::Program& program, std::int32_t rank, const Binding& binding, Device& device,
              Links* links, kernels::Library library);

  /// Runs the phases of one step whose condition holds. The host has written tokens and control. `measured` may be null.
  StepResult run_step(std::int32_t step, MeasuredStep* measured);

  /// Runs the forward calls alone on the tokens that the host has written; weights stay as they are. Nats per token of
  /// the micro-batches of this rank, where it holds the head; else 0.
  double run_forward();

  /// What has ended since it was asked last, of steps that had been reported before.
  std::vector<LateRow> take_late();

  /// Runs on until what other lanes hold has ended as well: after the last step, and before buffers are read.
  void drain();

 private:
  /// An instruction that has been issued to its lane and has not ended.
  struct Pending {
    const program::Instruction* instruction{};
    std::int32_t iteration{};  // of its block
    program::Call call;
    program::Row row;
    std::vector<program::Position> waits;
    std::optional<Ticket> ticket;  // once begun
    Event begin{};
  };
  struct Lane {
    std::deque<Pending> queue;
    std::int64_t issued{0}, ended{0};
  };

  void issue_call(const program::Call& call, std::int32_t number, std::int32_t step);
  /// Runs until the compute lane is empty; other lanes may go on.
  void run_lanes();
  void run_compute(Pending& pending);
  void run_operators(const Pending& pending);
  bool may_start(const Pending& pending) const;
  bool others_have_work() const;
  /// Gives every lane but the compute lane the chance to start and to end what it holds.
  void progress();
  Exchange exchange_of(const Pending& pending) const;
  void end(Lane& lane, Event ended);
  void report(MeasuredStep& measured);
  bool condition_holds(program::When when);
  std::vector<double> scalars();

  const program::Program& program_;
  const program::RankClass& ranks_;
  std::int32_t rank_;
  const Binding& binding_;
  Device& device_;
  Links* links_;
  std::vector<ops::Op> ops_;           // by OpId, as this rank runs them
  std::vector<kernels::Run> kernels_;  // by OpId; null where another class alone has the operator
  program::Scoreboard scoreboard_;
  std::vector<Lane> lanes_;
  struct Marked {
    program::Row row;
    Event begin, end;
  };
  std::vector<Marked> marked_;
  bool measuring_{false};
};

}  // namespace ds::executor
