#pragma once
// What a search asks of a plan. All three are asked of complete, legal jobs that differ from `base` by their plan (and, on
// CPUs, by the ranks that it implies): those that Space::take leaves behind.

#include <memory>

#include "simulator/base/units.h"
#include "simulator/cost/cost.h"
#include "simulator/workload/job.h"

namespace ds::tuner {

struct Verdict {
  Seconds step_time;  // at analytic depth
  Bytes peak;         // of the rank that needs most
  bool fits{};        // peak <= what a rank can use
  double sigma{};     // relative, of the step time
};

class Evaluator {
 public:
  /// `profile` serves jobs on CPUs and has to outlive the evaluator.
  Evaluator(const workload::Job& base, const cost::Profile& profile);
  ~Evaluator();
  Evaluator(const Evaluator&) = delete;
  Evaluator& operator=(const Evaluator&) = delete;

  Verdict evaluate(const workload::Job& candidate);
  /// Never above its step time, up to rounding.
  Seconds bound(const workload::Job& candidate);
  Bytes peak(const workload::Job& candidate);

 private:
  struct Lowered;
  Lowered& lowered(const workload::Job& candidate);

  const cost::Profile* profile_;
  std::unique_ptr<Lowered> last_;  // a search asks for peak, bound and time of one plan in turn
};

}  // namespace ds::tuner
