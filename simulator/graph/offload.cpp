// Activations that wait for their backward in the memory of the host.
#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <set>

#include "simulator/graph/graph.h"

namespace ds::graph {
namespace {

/// Kept tensors are those that the layer's forward writes, and that backward reads in that layer alone.
std::vector<TensorIndex> kept_by(const Stage& stage, const LayerPlace& place) {
  const auto of_layer = [&](const Node& node) { return LayerPlace{node.layer, node.member} == place; };
  std::set<TensorIndex> written, wanted, elsewhere;
  for (const Node& node : stage.forward) {
    if (!of_layer(node)) continue;
    const ops::Operands operands = ops::operands(node.op);
    for (int i = 0; i < operands.size(); ++i)
      if (operands[i].access != ops::Access::read && operands[i].role == ops::Role::activation)
        written.insert(node.operands[static_cast<std::size_t>(i)]);
  }
  for (const Layers& layers : stage.layers) elsewhere.insert({layers.input, layers.output});
  for (const Node& node : stage.backward)
    for (const TensorIndex t : node.operands) (of_layer(node) ? wanted : elsewhere).insert(t);
  std::vector<TensorIndex> kept;
  std::ranges::copy_if(written, std::back_inserter(kept),
                       [&](TensorIndex t) { return wanted.contains(t) && !elsewhere.contains(t); });
  return kept;
}

Node copy(const Stage& stage, const LayerPlace& place, TensorIndex from, TensorIndex to, bool to_host) {
  const Tensor& tensor = stage.tensors[static_cast<std::size_t>(from)];
  return {.op = {.what = ops::host_copy(tensor.shape, to_host), .type = tensor.type},
          .operands = {from, to},
          .layer = place.layer,
          .member = place.member};
}

}  // namespace

void offload_layers(Stage& stage, const std::vector<LayerPlace>& layers) {
  for (const LayerPlace& place : layers) {
    const auto of_layer = [&](const Node& node) { return LayerPlace{node.layer, node.member} == place; };
    std::vector<Node> out, in;
    for (const TensorIndex t : kept_by(stage, place)) {
      Tensor there = stage.tensors[static_cast<std::size_t>(t)];
      there.name += ".on host";
      there.on_host = true;
      stage.tensors.push_back(std::move(there));
      stage.tensors[static_cast<std::size_t>(t)].by_turns = true;
      const auto host = static_cast<TensorIndex>(stage.tensors.size()) - 1;
      out.push_back(copy(stage, place, t, host, true));
      in.push_back(copy(stage, place, host, t, false));
    }
    const auto last = std::ranges::find_if(stage.forward.rbegin(), stage.forward.rend(), of_layer);
    stage.forward.insert(last.base(), out.begin(), out.end());
    stage.backward.insert(std::ranges::find_if(stage.backward, of_layer), in.begin(), in.end());
  }
}

}  // namespace ds::graph
