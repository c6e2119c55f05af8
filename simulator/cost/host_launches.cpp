// Counts kernels by operator and pass.
#include "simulator/cost/host_launches.h"

#include <algorithm>
#include <string_view>
#include <variant>

namespace ds::cost {
namespace {

using ops::Pass;

// In the kernels of a module. A call for plain tensors: Megatron-LM's 72 around its router took what 10 of a module's do. A further
// kernel of the same call is a bare launch, 2.3 of 50 us (Vellaisamy et al. 2025, arXiv 2504.11750, table of null kernels).
constexpr double kPlainCall = 10.0 / 72, kFurther = 0.05;
// Around the router and what prepares an exchange, without and with fused kernels, and what the exchange's own take over: Megatron-LM
// at 1d9edcf8, docs/discussions/deepseek-v3-gb200-optimization, 2.1.4 and 2.2.1.
constexpr double kRouterCalls = 72, kFusedRouterCalls = 31, kCallsOfExchange = 14;
// Rows by index: masks and their selection, instead of one kernel.
constexpr double kPermuteCalls = 8;
// Scales of a factor, along rows and along columns: memory for both and their numbers, zeros where tiles are not full, and their
// order for tensor cores (the same, 2.1.2 and 2.1.3).
constexpr double kScaleCalls = 6;
// Of a product whose factors have been quantised before: the order of both factors' scales alone.
constexpr double kOrderCalls = 2;

struct Kernels {
  Pass pass;
  Launching how;

  bool forward() const { return pass == Pass::forward; }
  double of_attention() const {
    // Fused: one; backward what prepares it, the kernel, and what casts the gradient of the queries. Else two products, the
    // softmax with its mask, dropout, and what reorders heads before and behind.
    if (how.fused_attention) return forward() ? 1 : 3;
    return forward() ? 6 : 9;
  }
  double of_rows() const { return how.fused_permute ? 1 : 1 + kPermuteCalls * kPlainCall; }

  double operator()(const ops::Attention&) const { return of_attention(); }
  double operator()(const ops::ContextAttention&) const { return of_attention(); }
  // The gradient of a bias is a sum of its own. What one pass quantises, its input or the gradient of its result, has scales that are made
  // for it; nobody makes those of several products at once.
  double operator()(const ops::Linear& linear) const {
    const double product = pass == Pass::weight_gradient && linear.bias ? 2 : 1;
    if (!linear.fp8 || !how.scales_of_blocks) return product;
    return product + (pass == Pass::weight_gradient ? kOrderCalls : kScaleCalls) * kPlainCall;
  }
  /// A product for each expert, by one call; its rows are quantised expert by expert, in the same way.
  double operator()(const ops::GroupedLinear& linear) const {
    const auto experts = static_cast<double>(linear.experts);
    const bool quantises = linear.fp8 && pass != Pass::weight_gradient;
    const double scales = quantises && how.makes_scales ? experts * kScaleCalls * kPlainCall : 0;
    return 1 + (experts - 1) * kFurther * (quantises ? 2 : 1) + scales;
  }
  double operator()(const ops::CrossEntropy&) const { return forward() ? 6 : 2; }
  double operator()(const ops::Embedding&) const { return forward() ? 1 : 2; }
  // Scores, the choice of the best, their order, counts by expert and the loss that balances them; backward fewer.
  double operator()(const ops::Route&) const {
    const double all = how.fused_router ? kFusedRouterCalls : kRouterCalls;
    return (all - (how.sends_by_kernel ? kCallsOfExchange : 0)) * kPlainCall * (forward() ? 1 : 0.6);
  }
  double operator()(const ops::Dispatch&) const { return of_rows(); }
  double operator()(const ops::Combine&) const { return of_rows(); }
  double operator()(const ops::Quantise& quantise) const {
    return quantise.reads == 0 ? 0 : 1 + static_cast<double>(quantise.copies);
  }
  template <class Other>
  double operator()(const Other&) const {
    return 1;
  }
};

Launching launching(const workload::Job& job) {
  const workload::Software& by = job.habits;
  const bool in_blocks = !job.plan.fp8_recipe.starts_with("tensor");
  return {.fused_attention = job.plan.attention != workload::Attention::unfused,
          .fused_router = by.fuses("router") || by.fuses("compile"),
          .fused_permute = by.fuses("permute") || by.fuses("compile"),
          .scales_of_blocks = in_blocks,
          .makes_scales = in_blocks && !by.fuses("fp8_scales"),
          .sends_by_kernel = job.plan.dispatch != workload::Dispatch::all_to_all};
}

}  // namespace

double kernels_of(const ops::Op& op, const Launching& how) {
  return std::visit(Kernels{op.pass, how}, op.what);
}

HostLaunches::HostLaunches(const workload::Job& job)
    : graphs_(job.plan.cuda_graphs),
      how_(launching(job)),
      waits_for_sizes_(job.model.moe && !job.model.moe->capacity_factor && job.plan.ep > 1 &&
                       job.plan.cuda_graphs != workload::CudaGraphs::full) {
  const workload::HostCosts& host = job.habits.host;
  const double slowdown = job.cluster.groups.front().node.launch_slowdown;
  kernel_ = Seconds{host.kernel_s * slowdown};
  communication_ = Seconds{host.communication_s * slowdown};
}

Seconds HostLaunches::time(const ops::Op& op, bool among_experts) const {
  if (is_replayed(among_experts)) return {};
  return kernel_ * kernels_of(op, how_);
}

}  // namespace ds::cost
