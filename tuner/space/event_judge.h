#pragma once
// Judges plans event by event, with links and cores shared: slower, and only those that analytic depth does not rule out.
//
//   EventJudge judge(space, profile, threads);
//   search(space, judge, searcher, options).optimal()      // proven at event depth
//
// A step is never shorter event by event than at analytic depth, which is thus the bound that plans are cut by.

#include <cstddef>
#include <span>
#include <vector>

#include "simulator/base/thread_pool.h"
#include "simulator/cost/cost.h"
#include "simulator/engine/event_steps.h"
#include "tuner/space/evaluator.h"

namespace ds::tuner {

class EventJudge : public Judge {
 public:
  /// Both have to outlive the judge.
  EventJudge(const Space& space, const cost::Profile& profile, std::size_t threads = 1);

  std::vector<Glance> look(std::span<const Candidate> candidates) override {
    return analytic_.look(candidates);
  }
  /// Steps too long to be played are as long as at analytic depth.
  std::vector<Verdict> evaluate(std::span<const Candidate> candidates, const Judging& judging = {}) override;

 private:
  Seconds step_time(const Candidate& candidate, Seconds analytic);

  const Space* space_;
  ThreadPool pool_;
  Evaluator analytic_;
  engine::EventSteps steps_;
};

}  // namespace ds::tuner
