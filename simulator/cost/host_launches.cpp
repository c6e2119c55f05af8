// Counts kernels by operator and pass.
#include "simulator/cost/host_launches.h"

#include <variant>

namespace ds::cost {
namespace {

using ops::Pass;

struct Kernels {
  Pass pass;
  bool fused_attention;

  bool forward() const { return pass == Pass::forward; }
  std::int64_t of_attention() const {
    // Fused: one; backward what prepares it, the kernel, and what casts the gradient of the queries. Else two products, the
    // softmax with its mask, dropout, and what reorders heads before and behind.
    if (fused_attention) return forward() ? 1 : 3;
    return forward() ? 6 : 9;
  }

  std::int64_t operator()(const ops::Attention&) const { return of_attention(); }
  std::int64_t operator()(const ops::ContextAttention&) const { return of_attention(); }
  // The gradient of a bias is a sum of its own.
  std::int64_t operator()(const ops::Linear& linear) const {
    return pass == Pass::weight_gradient && linear.bias ? 2 : 1;
  }
  std::int64_t operator()(const ops::CrossEntropy&) const { return forward() ? 6 : 2; }
  std::int64_t operator()(const ops::Embedding&) const { return forward() ? 1 : 2; }
  // Scores, the choice of the best, their order, counts by expert and the loss that balances them.
  std::int64_t operator()(const ops::Route&) const { return forward() ? 10 : 6; }
  template <class Other>
  std::int64_t operator()(const Other&) const {
    return 1;
  }
};

}  // namespace

std::int64_t kernels_of(const ops::Op& op, bool fused_attention) {
  return std::visit(Kernels{op.pass, fused_attention}, op.what);
}

HostLaunches::HostLaunches(const workload::Job& job)
    : graphs_(job.plan.cuda_graphs), fused_attention_(job.plan.attention != workload::Attention::unfused) {
  const workload::HostCosts& host = job.habits.host;
  // Deterministic PyTorch fills whatever it allocates, with a kernel for each (torch.utils.deterministic.fill_uninitialized_memory).
  const double fills = job.habits.deterministic ? 2 : 1;
  kernel_ = Seconds{host.kernel_s * fills};
  communication_ = Seconds{host.communication_s};
}

Seconds HostLaunches::time(const ops::Op& op, bool among_experts) const {
  if (is_replayed(among_experts)) return {};
  return kernel_ * static_cast<double>(kernels_of(op, fused_attention_));
}

}  // namespace ds::cost
