// Which part of a backward may come late.
#include <algorithm>

#include "simulator/graph/graph.h"

namespace ds::graph {

namespace {

/// Gradients of gains, biases and tables come with those of inputs: what is put off is products (Qi et al. 2024, as published in
/// sail-sg/zero-bubble-pipeline-parallelism: WeightGradStore; DeepSeek's DualPipe likewise).
bool is_put_off(const Node& node) {
  return node.op.pass == ops::Pass::weight_gradient && ops::is_linear(node.op.what);
}

/// What is made again by computing: not later than the gradients of inputs, so that what waits for the weights' gradients is what
/// these take, and not what it is made of. What is gathered again would wait whole.
bool is_made_again(const Node& node) {
  return node.op.pass == ops::Pass::forward && !std::holds_alternative<ops::Regroup>(node.op.what);
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
    bool serves_weights = !node.operands.empty();
    for (std::size_t i = 0; i < node.operands.size(); ++i) {
      const auto t = static_cast<std::size_t>(node.operands[i]);
      if (stage.tensors[t].role == ops::Role::gradient) serves_weights = false;
      if (operands[static_cast<int>(i)].access != ops::Access::read)
        serves_weights = serves_weights && touched[t] && !needed[t];
    }
    result[n] = is_put_off(node) || (serves_weights && !is_made_again(node));
    for (const TensorIndex operand : node.operands) {
      const auto t = static_cast<std::size_t>(operand);
      touched[t] = true;
      needed[t] = needed[t] || !result[n];
    }
  }
  return result;
}

}  // namespace ds::graph
