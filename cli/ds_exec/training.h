#pragma once
// A training run as the command line sees it: started, watched, written down. Shared by `run` and `compare`.

#include <cstdint>
#include <string>
#include <vector>

#include "cli/ds_exec/commands.h"
#include "cli/ds_exec/training_progress.h"
#include "cli/session/phases.h"
#include "executor/ranks/briefing.h"
#include "executor/ranks/merge.h"
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
  executor::Briefing briefing;  // what the ranks are told
  cost::Profile profile;
  engine::Prediction prediction;
  std::vector<std::int32_t> shown;  // ranks that a trace is asked for; none: all
  program::AloneTimes alone;  // what communications take by themselves: the rest of a measured one is waiting

  const program::Program& program() const { return prediction.program; }
  const std::vector<memory::Layout>& layouts() const { return prediction.layouts; }
  std::vector<Bytes> predicted_peaks() const;  // by rank
  std::int32_t ranks() const { return program().grid.ranks(); }
};

/// Reads the job and the text, tells the ranks of a world what was read, and predicts. Throws InputError where something cannot
/// be used, RunFailed where the plan does not fit.
Training prepare(const Common& common, const ExecOptions& options, executor::World* world, Phases& phases);

/// Trains: as rank 0 of the world where there is one; else one rank in this process, several in one each. Where the run fails,
/// the metrics of the steps before are there.
executor::PlanResult train(const Common& common, const Training& training, const StopToken& stop,
                           executor::World* world, TrainingProgress& progress);

/// Says how far a run came that was stopped, once its outputs are written; returns the status.
int end_stopped(const Common& common, const TrainingProgress& progress, const StopToken& stop);
/// The same of one that was cut in the middle of a step: writes what is left of its metrics.
int end_cut(const Common& common, const TrainingProgress& progress, const StopToken& stop);

/// Whether people read standard output, and not one of our files.
bool talks(const Common& common, const ExecOptions& options);

/// "5.55 ▇▅▄▃▂▂▁▁ 2.31 nats/byte" and what letters alone would give, as lines for people.
std::string learning_text(const Training& training, const executor::PlanResult& result);

}  // namespace ds::cli
