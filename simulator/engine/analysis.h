#pragma once
// Analytic depth: the longest paths through a step, whatever its lanes are. What both the step and its bound need is made
// once.
//
//   Analysis analysis(program, durations);
//   if (analysis.bound() < best) analysis.step_time();

#include <optional>
#include <span>
#include <vector>

#include "simulator/engine/engine.h"
#include "simulator/engine/outline_of.h"
#include "simulator/engine/step_times.h"

namespace ds::engine {

class Analysis {
 public:
  /// The program and its durations have to outlive the analysis. One class a stage is enough: where there are more, those of
  /// a stage are taken as alike.
  Analysis(const program::Program& program, const Durations& durations);

  Seconds step_time() { return {run(Fewer::no, maxplus::Skip::yes)}; }
  /// No step is below it. Without a cut it is the step itself.
  Seconds bound() { return {run(cut_ ? Fewer::yes : Fewer::no, maxplus::Skip::yes)}; }
  program::StepSummary summary();

 private:
  enum class Fewer : std::uint8_t { no, yes };

  std::int32_t cut_of(std::size_t c) const { return cut_ ? (*cut_)[c] : maxplus::kNone; }
  /// Seconds of a step. With fewer waits it is a time that no step is below.
  double run(Fewer waits, maxplus::Skip skip);
  /// Times of a class's segments, from those of its points. `begin`: the latest end, so far, of what is of the step before.
  void read_times(std::size_t c, double period, std::vector<std::vector<Interval>>& times, Seconds& begin);

  std::optional<program::Program> by_stage_;
  const program::Program& program_;
  const Durations& durations_;
  std::vector<StepSchedule> schedules_;
  std::vector<ClassOutline> classes_;
  std::optional<std::vector<std::int32_t>> cut_;  // by class, the item
  std::vector<maxplus::SyncGraph> graphs_;
  maxplus::Tape tape_;
  maxplus::Evaluation<double> evaluation_;
};

}  // namespace ds::engine
