#pragma once
// The one thread of a GPU's process that launches its kernels: how long that takes it. Where kernels are short the GPU runs
// dry and waits for the next launch, whatever its own rate.

#include <cstdint>

#include "simulator/base/units.h"
#include "simulator/ops/ops.h"
#include "simulator/workload/job.h"

namespace ds::cost {

/// Kernels that a framework launches for an operator that no fusion has taken in, as PyTorch, Megatron-LM's kernels and
/// Transformer Engine come apart into them in a profile; views and what is done in place by a neighbour are none.
std::int64_t kernels_of(const ops::Op& op, bool fused_attention);

/// Of one software stack.
class HostLaunches {
 public:
  /// How unsure they are: the root mean square of errors of launch-bound steps in profiles/measured/launches.json, 15 % where
  /// costs were fitted and 27 % where not.
  static constexpr double kSigma = 0.25;

  explicit HostLaunches(const workload::Job& job);

  /// `among_experts`: between the rows' leave and their return.
  Seconds time(const ops::Op& op, bool among_experts) const;
  /// To hand a collective to its library, or a message.
  Seconds communication(bool among_experts) const {
    return is_replayed(among_experts) ? Seconds{} : communication_;
  }

 private:
  bool is_replayed(bool among_experts) const {
    return graphs_ == workload::CudaGraphs::full ||
           (graphs_ == workload::CudaGraphs::partial && !among_experts);
  }

  Seconds kernel_, communication_;
  workload::CudaGraphs graphs_;
  bool fused_attention_;
};

}  // namespace ds::cost
