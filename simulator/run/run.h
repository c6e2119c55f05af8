#pragma once
// A whole run from one of its steps: how long it takes under failures, and what it costs.
//
//   const std::optional<WholeRun> run = whole_run(job, program, summary, tokens_per_s);
//   run->goodput.typical                 // share of the time that counts; 1 where the job speaks of no failures
//   run->length->wall, run->length->cost_usd   // where the job says how many tokens
//
// The formulas and their sources: docs/run.md.

#include <optional>
#include <vector>

#include "simulator/base/units.h"
#include "simulator/program/timeline.h"
#include "simulator/run/failures.h"
#include "simulator/workload/job.h"

namespace ds::run {

/// What a run has to know of a step.
struct StepFacts {
  Seconds time;
  double tokens_per_s{};
  double busy{};  // share of it in which a rank computes
  Bytes
      state;  // weights and states of the optimizer in a rank's own memory, of the rank that has most: what a save copies
};

struct Band {
  double low{}, typical{}, high{};
};

/// Of a job with `simulate.failures`.
struct Stops {
  Failures failures;
  Seconds write;     // that a save stops training for
  Seconds interval;  // between two saves; infinite where nothing fails and the best is none
  Shares shares;
};

/// Wall time and its price. Spare nodes are paid as others are.
struct Length {
  Seconds wall, useful;
  double gpu_hours{};
  std::optional<double> energy_kwh;            // where somebody says what its GPUs draw
  std::optional<double> gpus_usd, energy_usd;  // where the job has their price
  std::optional<double> cost_usd;              // of both
  std::optional<double> failures;              // expected, where the job speaks of them
};

struct WholeRun {
  Band goodput{1, 1, 1};  // over the published rates of failures, where the job leaves its own out
  bool goodput_is_band{false};
  std::optional<Stops> stops;    // where the job speaks of failures
  std::optional<Length> length;  // where it says how many tokens, and the run ends
  bool never_ends{false};        // failures undo all that is done between them
  std::vector<workload::Assumption> assumptions;
};

/// None of a job that speaks neither of tokens nor of failures. `job` has passed workload::check_supported.
std::optional<WholeRun> whole_run(const workload::Job& job, const StepFacts& step);
/// The same of a step that was predicted.
std::optional<WholeRun> whole_run(const workload::Job& job, const program::Program& program,
                                  const program::StepSummary& summary, double tokens_per_s);

}  // namespace ds::run
