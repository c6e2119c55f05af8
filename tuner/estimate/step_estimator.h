#pragma once
// The step time of a plan at analytic depth, without lowering it: what a search asks tens of thousands of times a second.
//
//   StepEstimator estimator(job);
//   if (const auto seconds = estimator.step_time(plan)) ...    // else lower it and ask engine::analyse
//   estimator.step_times(plans, seconds);                      // many at a time: several times as fast
//
// Small plans are lowered in its place (probe.h). What their passes take and what they do once a step is kept, by the few
// keys of a plan that it depends on; only the pipeline is gone through for every plan (pipeline.h).

#include <memory>
#include <optional>
#include <span>

#include "simulator/base/units.h"
#include "simulator/workload/job.h"

namespace ds::tuner {

class StepEstimator {
 public:
  /// Candidates differ from `base` by their plan alone.
  explicit StepEstimator(const workload::Job& base);
  ~StepEstimator();
  StepEstimator(const StepEstimator&) = delete;
  StepEstimator& operator=(const StepEstimator&) = delete;

  /// That of engine::analyse, up to rounding. Nothing where the plan's shape is not covered: on CPUs, with empty chunks,
  /// with zb-h1 or dualpipe, with several chunks on one stage without a pipeline, where stages are not equally far from
  /// their neighbours. `plan` is legal and complete.
  std::optional<Seconds> step_time(const workload::Plan& plan);
  /// `seconds`: one for each plan.
  void step_times(std::span<const workload::Plan> plans, std::span<std::optional<Seconds>> seconds);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace ds::tuner
