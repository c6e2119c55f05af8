#pragma once
// A training run as the command line sees it: started, watched, written down. Shared by `run` and `compare`.

#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>

#include "cli/ds_exec/commands.h"
#include "cli/session/phases.h"
#include "executor/text.h"
#include "executor/train.h"
#include "simulator/engine/predict.h"
#include "simulator/memory/memory.h"
#include "simulator/program/program.h"

namespace ds::cli {

/// The job is lowered once: what `prediction` says is of the very program that runs.
struct Training {
  workload::Job job;
  executor::Text text;
  std::int64_t steps{};
  cost::Profile profile;
  engine::Prediction prediction;

  const program::Program& program() const { return prediction.program; }
  const memory::Layout& layout() const { return prediction.layouts.front(); }
};

/// Reads the job and the text and predicts. Throws InputError where something cannot be used, RunFailed where the plan
/// does not fit.
Training prepare(const Common& common, const ExecOptions& options, Phases& phases);

/// Trains with a progress line. Where the run fails, the metrics of the steps before are written.
executor::RunResult train(const Common& common, const ExecOptions& options, const Training& training,
                          const StopToken& stop);

/// The metrics file, if one is asked for: JSON Lines, whole under its name when the run ends, whichever way it ends. To be
/// written after the report, so that a full disk there costs no report here.
void write_metrics(const ExecOptions& options, const std::vector<executor::StepRecord>& steps);

/// The report of `run`, which `compare` adds to: steps, what was measured, what was predicted. Of a run that ended before
/// a step could be measured the times are left out.
nlohmann::ordered_json exec_report(const Training& training, const executor::RunResult& result,
                                   const report::Provenance& origin);

/// Whether people read standard output, and not one of our files.
bool talks(const Common& common, const ExecOptions& options);

/// The measured step of median processor time, summed up; nothing where no step was measured.
struct Measured {
  program::StepSummary cpu, wall;
};
std::optional<Measured> measured_summary(const Training& training, const executor::RunResult& result);

/// "5.55 ▇▅▄▃▂▂▁▁ 2.31 nats/byte" and what letters alone would give, as lines for people.
std::string learning_text(const Training& training, const executor::RunResult& result);

}  // namespace ds::cli
