#pragma once
// The commands of ds-exec, with their options as plain values.

#include <cstdint>
#include <string>

#include "cli/session/session.h"
#include "executor/mpi/launcher.h"
#include "executor/mpi/world.h"
#include "executor/supervisor/rank_environment.h"

namespace ds::cli {

struct ExecOptions {
  std::string job, data, metrics, trace, trace_ranks, device{"auto"};
  std::int64_t steps{-1};  // -1: what the job says
};

struct CalibrateOptions {
  std::string out, device{"auto"};
  std::int64_t rounds{5};
};

/// `world`: as its rank 0; null: this program starts ranks itself where there are several.
using ExecCommand = int (*)(const Common& common, const ExecOptions& options, executor::World* world);
int exec_run(const Common& common, const ExecOptions& options, executor::World* world);
/// Predicts first, then trains, then lays the two side by side.
int exec_compare(const Common& common, const ExecOptions& options, executor::World* world);
/// One of the ranks that `run` and `compare` start; given the same command line.
int exec_rank(const executor::RankEnvironment& environment, const Common& common, const ExecOptions& options);
/// One of the processes that a launcher of MPI programs has started, each with the same command line.
int exec_joined(const executor::Launched& launched, ExecCommand command, const Common& common,
                const ExecOptions& options);
/// For `calibrate`: which measures with ranks of its own.
int refuse_joined(const executor::Launched& launched);
int exec_calibrate(const Common& common, const CalibrateOptions& options);

}  // namespace ds::cli
