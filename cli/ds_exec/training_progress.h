#pragma once
// What is seen of a training run while it runs: the line of progress, the metrics file, and the words of an end that comes
// too soon.

#include <cstdint>
#include <string>
#include <vector>

#include "cli/ds_exec/commands.h"
#include "executor/ranks/merge.h"
#include "executor/train.h"

namespace ds::cli {

class TrainingProgress {
 public:
  TrainingProgress(const Common& common, const ExecOptions& options, std::int64_t steps);

  /// After each step.
  void step(const executor::StepRecord& step);
  /// Takes the line of progress away.
  void finish() { line_.finish(); }
  /// "stopped at step 13 of 500; metrics.jsonl and report.json hold what was reached".
  std::string stopped(bool in_the_middle) const;

  const std::vector<executor::StepRecord>& seen() const { return seen_; }
  /// The metrics file once more, where not all of its lines could be written as they came; else nothing.
  Content rest_of_metrics() const;

 private:
  std::int64_t steps_;
  std::string report_;
  terminal::ProgressLine line_;
  GrowingOutput metrics_;
  std::vector<executor::StepRecord> seen_;
};

std::vector<double> losses(const std::vector<executor::StepRecord>& steps);
// Of a run's losses as a sparkline.
inline constexpr int kSparkColumns = 24;

}  // namespace ds::cli
