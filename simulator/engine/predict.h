#pragma once
// A job, predicted: lowered, laid out in memory, its operators priced, its step played.

#include "simulator/cost/cost.h"
#include "simulator/engine/engine.h"
#include "simulator/memory/memory.h"
#include "simulator/program/program.h"
#include "simulator/program/timeline.h"
#include "simulator/workload/job.h"

namespace ds::engine {

struct Prediction {
  program::Program program;
  memory::Layout layout;
  program::Timeline timeline;  // event depth: the step's rows; analytic depth: empty
  program::StepSummary summary;
  double sigma{};          // relative standard deviation of the step time
  cost::Source weakest{};  // the least certain source among the operators that take time
};

/// Seconds of every operator of the program.
Durations price(const program::Program& program, const cost::OperatorModel& model);

/// `job` has passed workload::check_supported. The peak is the same in both depths: one layout serves them.
Prediction predict(const workload::Job& job, const cost::OperatorModel& model, workload::Depth depth);

/// The same for a program that has been lowered, checked and laid out already: that of `ds-exec`, which runs it as well.
Prediction predict(program::Program program, memory::Layout layout, const cost::OperatorModel& model,
                   workload::Depth depth);

}  // namespace ds::engine
