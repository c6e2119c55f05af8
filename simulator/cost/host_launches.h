#pragma once
// The one thread of a GPU's process that launches its kernels: how long that takes it. Where kernels are short the GPU runs
// dry and waits for the next launch, whatever its own rate.

#include "simulator/base/units.h"
#include "simulator/ops/ops.h"
#include "simulator/workload/job.h"

namespace ds::cost {

/// What decides how many kernels an operator is.
struct Launching {
  bool fused_attention{true};
  bool fused_router{true}, fused_permute{true};
  bool scales_of_blocks{};  // of 8-bit numbers: memory, zeros and their order by calls of their own
  bool makes_scales{};      // so for each expert
  bool sends_by_kernel{};   // what of the router prepares an exchange is in the kernel that exchanges
};

/// Kernels that a framework launches for an operator that no fusion has taken in, as PyTorch, Megatron-LM's kernels and
/// Transformer Engine come apart into them in a profile; views and what is done in place by a neighbour are none. In those of a
/// module, which cost what Python and the module do around them: a call for plain tensors counts as a part of one.
double kernels_of(const ops::Op& op, const Launching& how);

/// Of one software stack on one kind of node.
class HostLaunches {
 public:
  /// How unsure they are. The root mean square of errors of launch-bound steps in profiles/measured/launches.json is 17 %, on which
  /// costs were fitted; other machines differ.
  static constexpr double kSigma = 0.25;

  explicit HostLaunches(const workload::Job& job);

  /// `among_experts`: between the rows' leave and their return.
  Seconds time(const ops::Op& op, bool among_experts) const;
  /// To hand a collective to its library, or a message.
  Seconds communication(bool among_experts) const {
    return is_replayed(among_experts) ? Seconds{} : communication_;
  }
  /// Whether it waits until the device has told how many rows each expert has, before it launches what works on them. Where each has
  /// room for so many it need not know.
  bool waits_for_sizes() const { return waits_for_sizes_; }

 private:
  bool is_replayed(bool among_experts) const {
    return graphs_ == workload::CudaGraphs::full ||
           (graphs_ == workload::CudaGraphs::partial && !among_experts);
  }

  Seconds kernel_, communication_;
  workload::CudaGraphs graphs_;
  Launching how_;
  bool waits_for_sizes_;
};

}  // namespace ds::cost
