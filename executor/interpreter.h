#pragma once
// Runs the program with real kernels: the executor's twin of engine::play.

#include <cstdint>
#include <deque>
#include <optional>
#include <vector>

#include "executor/binding.h"
#include "executor/communicator.h"
#include "executor/device/device.h"
#include "executor/scoreboard.h"
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

/// The communicators of a rank.
class Links {
 public:
  virtual ~Links() = default;
  /// The one that serves a communication: one for each group and shift.
  virtual Communicator& of(const program::Comm& comm) = 0;
};

/// The rank that is run: its class in the program, and where it stands.
struct RankPlace {
  std::int32_t rank{0};
  std::size_t rank_class{0};
  program::Coordinates at;
};

class Interpreter {
 public:
  /// `links` may be null for a program without communication.
  Interpreter(const program::Program& program, const RankPlace& place, const Binding& binding, Device& device,
              Links* links, kernels::Library library);

  /// Runs the phases of one step whose condition holds. The host has written tokens and control. `measured` may be null.
  StepResult run_step(std::int32_t step, MeasuredStep* measured);

  /// Runs the forward calls alone on the tokens that the host has written; weights stay as they are. Nats per token of
  /// the micro-batches of this rank, where it holds the head; else 0.
  double run_forward();

 private:
  /// An instruction that has been issued to its lane and has not ended.
  struct Pending {
    const program::Instruction* instruction{};
    program::Call call;
    program::Row row;
    std::vector<Position> waits;
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
  void run_operators(const program::Instruction& instruction, const program::Call& call);
  bool may_start(const Pending& pending) const;
  /// Gives every lane but the compute lane the chance to start and to end what it holds.
  void progress();
  Exchange exchange_of(const Pending& pending) const;
  void end(Lane& lane, Event ended);
  void report(MeasuredStep& measured, std::int32_t step, Instant begin);
  bool condition_holds(program::When when);
  std::vector<double> scalars();

  const program::Program& program_;
  const program::RankClass& ranks_;
  RankPlace place_;
  const Binding& binding_;
  Device& device_;
  Links* links_;
  std::vector<kernels::Run> kernels_;  // by OpId
  Scoreboard scoreboard_;
  std::vector<Lane> lanes_;
  struct Marked {
    program::Row row;
    Event begin, end;
  };
  std::vector<Marked> marked_;
  bool measuring_{false};
};

}  // namespace ds::executor
