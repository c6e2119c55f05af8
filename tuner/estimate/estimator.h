#pragma once
// The step time of a plan at analytic depth and its peak memory, without lowering it: what a search asks tens of thousands
// of times a second.
//
//   Estimator estimator(job, 2);
//   const Estimate one = estimator.estimate(plan);   // what it lacks has to be found by lowering the plan
//   estimator.estimate(plans, estimates);            // many at a time, by two threads: ten times as fast
//
// Small plans are lowered in its place (probe.h). What their passes take and what they do once a step is kept, by the few
// keys of a plan that it depends on; only the pipeline is gone through for every plan (pipeline.h), or once for plans that
// have the same one. Equal questions have equal answers, whatever the number of threads.

#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <span>

#include "simulator/base/units.h"
#include "simulator/workload/job.h"

namespace ds::tuner {

struct Estimate {
  /// That of engine::analyse, up to rounding. Nothing where the plan's shape is not covered: on CPUs, with empty chunks, with
  /// zb-h1 or dualpipe, with several chunks on one stage without a pipeline, where stages are not equally far from their
  /// neighbours.
  std::optional<Seconds> step_time;
  /// See peak_estimator.h.
  std::optional<Bytes> peak;
};

class Estimator {
 public:
  /// Candidates differ from `base` by their plan alone.
  explicit Estimator(const workload::Job& base, std::size_t threads = 1);
  ~Estimator();
  Estimator(const Estimator&) = delete;
  Estimator& operator=(const Estimator&) = delete;

  /// `plan` is legal and complete.
  Estimate estimate(const workload::Plan& plan);
  /// `estimates`: one for each plan. Once `enough()`, which is asked from time to time and by all threads, the rest stays
  /// without.
  void estimate(std::span<const workload::Plan> plans, std::span<Estimate> estimates,
                const std::function<bool()>& enough = {});

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace ds::tuner
