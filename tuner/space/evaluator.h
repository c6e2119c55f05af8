#pragma once
// What a search asks of a plan. All three are asked of complete, legal jobs that differ from `base` by their plan (and, on
// CPUs, by the ranks that it implies): those that Space::take leaves behind.

#include <memory>
#include <optional>

#include "simulator/base/units.h"
#include "simulator/cost/cost.h"
#include "simulator/workload/job.h"
#include "tuner/estimate/peak_estimator.h"
#include "tuner/estimate/step_estimator.h"

namespace ds::tuner {

struct Verdict {
  Seconds step_time;  // at analytic depth
  Bytes peak;         // of the rank that needs most
  bool fits{};        // peak <= what a rank can use
};

/// Estimates a plan where tuner/estimate covers it, and lowers it where not; both say the same.
class Evaluator {
 public:
  /// `profile` serves jobs on CPUs and has to outlive the evaluator.
  Evaluator(const workload::Job& base, const cost::Profile& profile);
  ~Evaluator();
  Evaluator(const Evaluator&) = delete;
  Evaluator& operator=(const Evaluator&) = delete;

  Verdict evaluate(const workload::Job& candidate);
  /// Never above its step time, up to rounding. Nothing where the step time itself is known as quickly.
  std::optional<Seconds> bound(const workload::Job& candidate);
  Bytes peak(const workload::Job& candidate);

 private:
  struct Lowered;
  Lowered& lowered(const workload::Job& candidate);
  std::optional<Seconds> estimated(const workload::Job& candidate);

  const cost::Profile* profile_;
  StepEstimator steps_;
  PeakEstimator peaks_;
  // A search asks for peak, bound and time of one plan in turn.
  struct Estimated {
    workload::Plan plan;
    std::optional<Seconds> step_time;
  };
  std::optional<Estimated> last_estimated_;
  std::unique_ptr<Lowered> last_;
};

}  // namespace ds::tuner
