#pragma once
// Step times at analytic depth of many plans of one job: the same as engine::analyse says of each, some hundred times faster.
//
//   PlanSteps steps(job, profile, 2);                // two threads
//   steps.step_times(plans)                          // seconds, one for each
//
// A plan is not lowered. What its stages do is remembered by what lowering one reads (StageOutline), what their passes take
// by what a chunk's passes read (ChunkSeconds), and how stages wait for each other by their shapes (StepForm); plans of one
// form are evaluated eight at a time. Equal questions have equal answers, whatever was asked before and however many
// threads there are.

#include <cstddef>
#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "simulator/base/units.h"
#include "simulator/cost/cost.h"
#include "simulator/workload/job.h"

namespace ds::engine {

class PlanSteps {
 public:
  /// Plans differ from `base` by their plan alone. `profile` serves jobs on CPUs and has to outlive this.
  PlanSteps(const workload::Job& base, const cost::Profile& profile, std::size_t threads = 1);
  ~PlanSteps();
  PlanSteps(const PlanSteps&) = delete;
  PlanSteps& operator=(const PlanSteps&) = delete;

  /// `plans`: complete, legal and supported. Once `enough()`, which is asked from time to time and by all threads, the rest is
  /// left at 0.
  std::vector<Seconds> step_times(std::span<const workload::Plan> plans,
                                  const std::function<bool()>& enough = {});
  /// No step is below these. Faster: nobody asks who waits for whom. 0 where it is not known any better.
  std::vector<Seconds> bounds(std::span<const workload::Plan> plans,
                              const std::function<bool()>& enough = {});

  /// Nor below these, which are lower, there for every plan, and faster still.
  std::vector<Seconds> work_bounds(std::span<const workload::Plan> plans,
                                   const std::function<bool()>& enough = {});

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace ds::engine
