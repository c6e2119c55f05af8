#pragma once
// What a search asks of a plan. All three are asked of complete, legal jobs that differ from `base` by their plan (and, on
// CPUs, by the ranks that it implies): those that Space::take leaves behind.

#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "simulator/base/units.h"
#include "simulator/cost/cost.h"
#include "simulator/workload/job.h"
#include "tuner/estimate/estimator.h"

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
  Evaluator(const workload::Job& base, const cost::Profile& profile, std::size_t threads = 1);
  ~Evaluator();
  Evaluator(const Evaluator&) = delete;
  Evaluator& operator=(const Evaluator&) = delete;

  /// Estimates them all at once, several times as fast as one by one; what is asked about them next, in their order, is then
  /// known. Stops once `enough()`, which threads ask; nothing is to be asked about them then.
  void prepare(std::vector<workload::Plan> plans, const std::function<bool()>& enough = {});

  Verdict evaluate(const workload::Job& candidate);
  /// Never above its step time, up to rounding. Nothing where the step time itself is known as quickly.
  std::optional<Seconds> bound(const workload::Job& candidate);
  Bytes peak(const workload::Job& candidate);

 private:
  struct Lowered;
  Lowered& lowered(const workload::Job& candidate);
  const Estimate& estimated(const workload::Plan& plan);

  const cost::Profile* profile_;
  Estimator estimator_;
  // Those that were prepared, and which of them is asked about: a search wants peak, bound and time of one plan in turn.
  std::vector<workload::Plan> plans_;
  std::vector<Estimate> estimates_;
  std::size_t at_{0};
  std::unique_ptr<Lowered> last_;
};

}  // namespace ds::tuner
