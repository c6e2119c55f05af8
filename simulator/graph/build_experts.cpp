// A mixture of experts in the place of the MLP.
#include "simulator/graph/stage_builder.h"

namespace ds::graph {

/// Every rank routes all tokens of the group alike, and has its part of each expert's width; so the gradient of the router is a
/// part of the sum. Shared experts are one that is as wide as all of them (Dai et al. 2024, section 3.2).
TensorIndex StageBuilder::experts(TensorIndex x, const workload::Moe& moe) {
  const std::int64_t hidden = model_.hidden, width = moe.expert_ffn, local = width / options_.tp;
  const std::int64_t up = model_.gated_mlp ? 2 : 1, rows = tokens_ * moe.top_k;
  const TensorIndex router =
      parameter("moe.router.weight", {{moe.experts, hidden}, 2}, Init::normal, kDeviation, {}, cut());
  const TensorIndex logits =
      node(ops::Linear{tokens_, hidden, moe.experts, false}, "moe.logits", {x, router});
  const TensorIndex probs = node(ops::Route{tokens_, moe.experts, moe.top_k}, "moe.probs", {logits});
  const TensorIndex chosen = stage_.forward.back().operands.back();
  const TensorIndex sent = node(ops::Dispatch{tokens_, hidden, moe.top_k}, "moe.rows", {x, chosen});

  const Cut columns = model_.gated_mlp ? cut_in(1, {width, width}) : cut_in(1, {width});
  const TensorIndex first =
      parameter("moe.up.weight", {{moe.experts, up * local, hidden}, 3}, Init::normal, kDeviation, columns);
  const TensorIndex h = node(ops::GroupedLinear{rows, moe.experts, hidden, up * local, in_fp8()}, "moe.h",
                             {quantised("moe.up.x", sent), quantised_weight("moe.up.weight", first)});
  const TensorIndex a = model_.gated_mlp ? node(ops::SwiGlu{rows, local}, "moe.activated", {h})
                                         : node(ops::Gelu{rows, local}, "moe.activated", {h});
  const TensorIndex second = parameter("moe.down.weight", {{moe.experts, hidden, local}, 3}, Init::normal,
                                       residual_deviation(), cut_in(2, {width}));
  const TensorIndex o = node(ops::GroupedLinear{rows, moe.experts, local, hidden, in_fp8()}, "moe.o",
                             {quantised("moe.down.x", a), quantised_weight("moe.down.weight", second)});
  const TensorIndex sum = node(ops::Combine{tokens_, hidden, moe.top_k}, "moe.combined", {o, probs, chosen});
  if (moe.shared_experts == 0) return sum;
  const TensorIndex shared = dense_mlp("moe.shared", x, moe.shared_experts * width);
  return node(ops::Add{tokens_, hidden}, "moe.sum", {sum, shared});
}

}  // namespace ds::graph
