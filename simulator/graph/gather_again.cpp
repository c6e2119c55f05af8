#include <algorithm>
#include <map>

#include "simulator/graph/graph.h"

namespace ds::graph {
namespace {

/// What experts take is kept as it came (Megatron-Core's token dispatchers).
bool gathers(const Node& node) {
  const auto* regroup = std::get_if<ops::Regroup>(&node.op.what);
  return regroup != nullptr && regroup->how == ops::Regrouping::gather &&
         regroup->over != ops::Sharers::expert && node.op.pass == ops::Pass::forward;
}

}  // namespace

void gather_again(Stage& stage) {
  std::map<TensorIndex, const Node*> gathered;  // by result
  for (const Node& node : stage.forward)
    if (gathers(node)) gathered[node.operands[1]] = &node;
  std::map<TensorIndex, TensorIndex> again;
  std::vector<Node> backward;
  for (Node node : stage.backward) {
    for (TensorIndex& t : node.operands) {
      const auto found = gathered.find(t);
      if (found == gathered.end()) continue;
      const auto [second, is_new] = again.try_emplace(t, static_cast<TensorIndex>(stage.tensors.size()));
      if (is_new) {
        Tensor copy = stage.tensors[static_cast<std::size_t>(t)];
        copy.name += ".again";
        stage.tensors.push_back(std::move(copy));
        Node gather = *found->second;
        gather.operands[1] = second->second;
        backward.push_back(std::move(gather));
      }
      t = second->second;
    }
    backward.push_back(std::move(node));
  }
  stage.backward = std::move(backward);
}

}  // namespace ds::graph
