#pragma once
// Step times event by event of many plans of one job: what predict() says of each, without memory, intervals and rows.
//
//   EventSteps steps(profile);
//   steps.step_time(job)                 // job: complete, legal, supported and playable; plans alone differ

#include <memory>

#include "simulator/base/units.h"
#include "simulator/cost/cost.h"
#include "simulator/workload/job.h"

namespace ds::engine {

class EventSteps {
 public:
  /// `profile` serves jobs on CPUs and has to outlive this.
  explicit EventSteps(const cost::Profile& profile);
  ~EventSteps();
  EventSteps(const EventSteps&) = delete;
  EventSteps& operator=(const EventSteps&) = delete;

  /// Any number of threads may ask.
  Seconds step_time(const workload::Job& job);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace ds::engine
