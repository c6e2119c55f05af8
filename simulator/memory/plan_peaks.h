#pragma once
// The most bytes that a rank needs at once, of many plans of one job: to the byte what live_bytes says of each, lowered.
//
//   PlanPeaks peaks(job, 2);                 // two threads
//   peaks.of(plans)                          // bytes, one for each
//
// A plan is not lowered. What its stages do is remembered as sums over sizes (StageLevels), the moments of its step by their
// schedule (Moments); so a plan that is like others asks for a few products.

#include <cstddef>
#include <functional>
#include <limits>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "simulator/base/units.h"
#include "simulator/workload/job.h"

namespace ds::memory {

class PlanPeaks {
 public:
  /// Plans differ from `base` by their plan alone.
  explicit PlanPeaks(const workload::Job& base, std::size_t threads = 1);
  ~PlanPeaks();
  PlanPeaks(const PlanPeaks&) = delete;
  PlanPeaks& operator=(const PlanPeaks&) = delete;

  /// `plans`: complete, legal and supported. Of the rank that needs most; nothing where a plan has to be lowered, which is so
  /// where offsets count, and once `enough()`, which is asked from time to time and by all threads. Of what is above `limit`
  /// no more need be known: it is what one of the ranks needs.
  std::vector<std::optional<Bytes>> of(std::span<const workload::Plan> plans,
                                       const std::function<bool()>& enough = {},
                                       double limit = std::numeric_limits<double>::infinity());

  /// No peak is below these. Faster, and there for every plan.
  std::vector<Bytes> floors(std::span<const workload::Plan> plans, const std::function<bool()>& enough = {});

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace ds::memory
