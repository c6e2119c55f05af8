#pragma once
// Judges plans at analytic depth: are they legal, do they fit, how long does a step take?
//
//   Evaluator evaluator(space, profile, threads);
//   const std::vector<Verdict> verdicts = evaluator.evaluate(candidates);   // one for each, whatever was asked before
//
// Many at once are several times as fast as one by one: a batch shares the work of plans that are alike.

#include <cstddef>
#include <memory>
#include <span>
#include <vector>

#include "simulator/base/thread_pool.h"
#include "simulator/cost/cost.h"
#include "simulator/engine/plan_steps.h"
#include "simulator/memory/plan_peaks.h"
#include "simulator/workload/job.h"
#include "tuner/space/judge.h"

namespace ds::tuner {

/// Asks for as little as settles a candidate: a bound of its work, its peak, a better bound, its step.
class Evaluator : public Judge {
 public:
  /// `profile` serves jobs on CPUs. Both have to outlive the evaluator.
  Evaluator(const Space& space, const cost::Profile& profile, std::size_t threads = 1);

  std::vector<Glance> look(std::span<const Candidate> candidates) override;
  std::vector<Verdict> evaluate(std::span<const Candidate> candidates, const Judging& judging = {}) override;
  /// The same for plans that are complete, legal and supported for the space's job, in the space or not.
  std::vector<Verdict> evaluate(std::span<const workload::Plan> plans, const Judging& judging = {});

 private:
  class Batch;

  const Space* space_;
  ThreadPool pool_;
  memory::PlanPeaks peaks_;
  engine::PlanSteps steps_;
};

}  // namespace ds::tuner
