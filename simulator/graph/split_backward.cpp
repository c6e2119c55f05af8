// Which part of a backward may come late.
#include <algorithm>

#include "simulator/graph/graph.h"

namespace ds::graph {

namespace {

/// What is widened or activated again, and put in 8 bits, is not put off: what waits for the weights' gradients is what these take,
/// which is smaller than what it is made of.
bool is_made_at_once(const Node& node) {
  const ops::What& what = node.op.what;
  return node.op.pass == ops::Pass::forward &&
         (std::holds_alternative<ops::Narrow>(what) || std::holds_alternative<ops::SwiGlu>(what) ||
          std::holds_alternative<ops::Gelu>(what) || std::holds_alternative<ops::Quantise>(what));
}

}  // namespace

std::vector<bool> for_weights_alone(const Stage& stage) {
  std::vector<bool> result(stage.backward.size(), false);
  // By tensor, seen from the end of the backward: whether a later node touches it, and one that is not for weights alone.
  std::vector<bool> touched(stage.tensors.size(), false), needed(stage.tensors.size(), false);
  if (stage.input_gradient != kNone) needed[static_cast<std::size_t>(stage.input_gradient)] = true;
  // Layers of a kind are cut alike, so also the first layer of the model, whose input's gradient nobody waits for.
  for (const Layers& layers : stage.layers) needed[static_cast<std::size_t>(layers.input_gradient)] = true;
  for (std::size_t n = stage.backward.size(); n-- > 0;) {
    const Node& node = stage.backward[n];
    const ops::Operands operands = ops::operands(node.op);
    bool accumulates = false, serves_weights = true;
    for (std::size_t i = 0; i < node.operands.size(); ++i) {
      const auto t = static_cast<std::size_t>(node.operands[i]);
      accumulates = accumulates || stage.tensors[t].role == ops::Role::gradient;
      if (operands[static_cast<int>(i)].access != ops::Access::read)
        serves_weights = serves_weights && touched[t] && !needed[t];
    }
    result[n] = accumulates || (serves_weights && !is_made_at_once(node));
    for (const TensorIndex operand : node.operands) {
      const auto t = static_cast<std::size_t>(operand);
      touched[t] = true;
      needed[t] = needed[t] || !result[n];
    }
  }
  return result;
}

}  // namespace ds::graph
