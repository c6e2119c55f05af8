#pragma once
// What the ranks of a run say, put together.

#include <optional>
#include <vector>

#include "executor/train.h"

namespace ds::executor {

/// A training run of all ranks of a plan.
struct PlanResult {
  std::vector<StepRecord> steps;  // times are the slowest rank's
  double held_back_before{};
  std::optional<double> held_back_after;
  std::vector<Bytes> arenas, residents;  // by rank
  /// The step that stands for all, with every rank's rows. Where there are several ranks it begins when the last of them
  /// has ended the step before, and ends when the last has ended it; a row may begin before.
  std::optional<MeasuredStep> measured;
  bool stopped{};
  bool cut{};  // stopped in the middle of a step: of all this, only `steps` is known

  std::int32_t ranks() const { return static_cast<std::int32_t>(arenas.size()); }
  /// The clock that step times are told by: of one rank processor time, which other programs cannot lengthen; ranks that
  /// wait for each other have only the one on the wall in common.
  program::Timeline MeasuredStep::* clock() const {
    return ranks() == 1 ? &MeasuredStep::cpu : &MeasuredStep::wall;
  }
};

/// By rank. Each holds as many steps, and the same measured one or none. Throws MachineError where ranks disagree on a
/// loss.
PlanResult merge(const std::vector<RunResult>& ranks);

/// The result with the measured step of that number alone, or with none.
RunResult with_one_step(RunResult result, std::int64_t step);

}  // namespace ds::executor
