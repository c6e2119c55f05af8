#pragma once
// A job, predicted: lowered, laid out in memory, its operators priced, its step played.

#include <optional>
#include <vector>

#include "simulator/cost/evidence.h"
#include "simulator/engine/engine.h"
#include "simulator/engine/price.h"
#include "simulator/memory/memory.h"
#include "simulator/program/program.h"
#include "simulator/program/timeline.h"
#include "simulator/workload/job.h"

namespace ds::engine {

struct Prediction {
  program::Program program;
  std::vector<memory::Layout> layouts;  // by rank class, where the software binds buffers itself; else empty
  program::Timeline timeline;           // event depth: the step's rows if asked for; analytic depth: empty
  program::StepSummary summary;
  double sigma{};                          // relative standard deviation of the step time
  std::optional<cost::Evidence> evidence;  // on GPUs
  cost::Source weakest{};                  // the least certain source among the operators that take time

  std::vector<memory::Parts>
      memory;  // by rank class: what lives at the peak, as the job's software counts it
  /// Of the rank that needs most.
  Bytes peak;
};

/// Where each class's buffers lie.
std::vector<memory::Layout> layouts_of(const program::Program& program);

/// What a rank of each class needs at its peak: the arena where the software is ds-exec, gaps counted as `other`. Else what
/// lives at once; `layouts` may then be empty.
std::vector<memory::Parts> needs_of(const program::Program& program,
                                    const std::vector<memory::Layout>& layouts, const workload::Job& job);

/// `job` has passed workload::check_supported. The peak is the same in both depths.
Prediction predict(const workload::Job& job, const cost::Machine& machine, workload::Depth depth,
                   Rows rows = Rows::all);

/// The step of a lowered program if everything took that long.
Seconds step(const program::Program& program, const Durations& durations, const workload::Job& job,
             const cost::Machine& machine, workload::Depth depth);

/// The same for a program that has been lowered, checked and laid out already: that of `ds-exec`, which runs it as well.
Prediction predict(program::Program program, std::vector<memory::Layout> layouts, const workload::Job& job,
                   const cost::Machine& machine, workload::Depth depth, Rows rows = Rows::all);

}  // namespace ds::engine
