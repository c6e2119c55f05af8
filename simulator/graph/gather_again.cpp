#include <algorithm>
#include <functional>
#include <map>

#include "simulator/graph/graph.h"

namespace ds::graph {
namespace {

using GatheredBy = std::map<TensorIndex, const Node*>;

/// What experts take is kept as it came (Megatron-Core's token dispatchers). Of a grid of tensor-parallel ranks, tokens are gathered
/// and then exchanged for columns.
bool gathers(const Node& node, const GatheredBy& before) {
  const auto* regroup = std::get_if<ops::Regroup>(&node.op.what);
  if (regroup == nullptr || node.op.pass != ops::Pass::forward) return false;
  if (regroup->how == ops::Regrouping::to_heads) return before.contains(node.operands[0]);
  return regroup->how == ops::Regrouping::gather && regroup->over != ops::Sharers::expert;
}

}  // namespace

void gather_again(Stage& stage) {
  GatheredBy gathered;  // by result
  for (const Node& node : stage.forward)
    if (gathers(node, gathered)) gathered[node.operands[1]] = &node;
  std::map<TensorIndex, TensorIndex> again;
  std::vector<Node> backward;
  const std::function<TensorIndex(TensorIndex)> made_again = [&](TensorIndex t) {
    const auto found = gathered.find(t);
    if (found == gathered.end()) return t;
    if (const auto known = again.find(t); known != again.end()) return known->second;
    Node gather = *found->second;
    gather.operands[0] = made_again(gather.operands[0]);
    Tensor copy = stage.tensors[static_cast<std::size_t>(t)];
    copy.name += ".again";
    stage.tensors.push_back(std::move(copy));
    gather.operands[1] = again[t] = static_cast<TensorIndex>(stage.tensors.size()) - 1;
    backward.push_back(std::move(gather));
    return again[t];
  };
  for (Node node : stage.backward) {
    for (TensorIndex& t : node.operands) t = made_again(t);
    backward.push_back(std::move(node));
  }
  stage.backward = std::move(backward);
}

}  // namespace ds::graph
