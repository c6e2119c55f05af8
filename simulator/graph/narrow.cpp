// Activations that wait for their backward in fewer bits than they are computed in.
#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "simulator/graph/graph.h"

namespace ds::graph {
namespace {

/// In how many bits the cache holds that operand of the node; 0: as it is.
std::int64_t bits_of(const Node& node, std::size_t operand, const CacheBits& cache) {
  const bool forward = node.op.pass == ops::Pass::forward;
  if (std::holds_alternative<ops::SwiGlu>(node.op.what) || std::holds_alternative<ops::Gelu>(node.op.what))
    return forward && operand == 0 ? cache.activation_inputs : 0;
  const bool result = ops::is_attention(node.op.what) && forward && operand > 0 &&
                      ops::operands(node.op)[static_cast<int>(operand)].name == "o";
  return result ? cache.attention_outputs : 0;
}

TensorIndex add(Stage& stage, TensorIndex like, const char* what) {
  Tensor tensor = stage.tensors[static_cast<std::size_t>(like)];
  tensor.name = fmt::format("{}.{}", tensor.name, what);
  stage.tensors.push_back(std::move(tensor));
  return static_cast<TensorIndex>(stage.tensors.size()) - 1;
}

bool touches(const Node& node, TensorIndex t) {
  return std::ranges::find(node.operands, t) != node.operands.end();
}

/// What products take in 8 bits of `t`, and their weight gradients would keep, is made of it anew.
std::vector<Node> quantised_again(Stage& stage, TensorIndex t, TensorIndex widened) {
  std::vector<Node> again;
  for (Node node : stage.forward) {
    if (!std::holds_alternative<ops::Quantise>(node.op.what) || node.operands.front() != t) continue;
    const TensorIndex made = add(stage, node.operands.back(), "again");
    for (Node& reader : stage.backward) std::ranges::replace(reader.operands, node.operands.back(), made);
    node.operands = {widened, made};
    again.push_back(std::move(node));
  }
  return again;
}

/// Behind its last reader of the forward `t` is put in fewer bits, and before its first reader of the backward it is widened again.
void cache(Stage& stage, TensorIndex t, std::int64_t bits) {
  std::vector<TensorIndex> forms{t};
  for (const Node& node : stage.forward)
    if (std::holds_alternative<ops::Quantise>(node.op.what) && node.operands.front() == t)
      forms.push_back(node.operands.back());
  const auto reads = [t](const Node& node) { return touches(node, t); };
  const auto uses = [&](const Node& node) {
    return std::ranges::any_of(forms, [&](TensorIndex form) { return touches(node, form); });
  };
  if (std::ranges::none_of(stage.backward, reads)) return;  // made again
  const auto first = std::ranges::find_if(stage.backward, uses);
  const auto place = first - stage.backward.begin();
  const auto last = std::ranges::find_if(stage.forward.rbegin(), stage.forward.rend(), reads);
  const ops::Shape shape = stage.tensors[static_cast<std::size_t>(t)].shape;
  ops::Narrow what{.tokens = shape.size[0], .width = shape.size[1], .bits = bits};
  const TensorIndex narrow = add(stage, t, "narrow"), widened = add(stage, t, "widened");
  Tensor& kept = stage.tensors[static_cast<std::size_t>(narrow)];
  kept.type = DataType::fp8;
  kept.shape = ops::matrix(what.tokens, what.columns());
  const auto node = [&](const Node& like, std::vector<TensorIndex> operands) {
    return Node{.op = {.what = what, .type = stage.tensors[static_cast<std::size_t>(t)].type},
                .operands = std::move(operands),
                .layer = like.layer,
                .member = like.member,
                .part = like.part};
  };
  const Node narrows = node(*last, {t, narrow});
  what.widens = true;
  const Node widens = node(*first, {narrow, widened});
  std::vector<Node> again = quantised_again(stage, t, widened);
  for (Node& reader : stage.backward) std::ranges::replace(reader.operands, t, widened);
  stage.forward.insert(last.base(), narrows);
  again.insert(again.begin(), widens);
  stage.backward.insert(stage.backward.begin() + place, again.begin(), again.end());
}

}  // namespace

void cache_in_fewer_bits(Stage& stage, const CacheBits& bits) {
  std::map<TensorIndex, std::int64_t> cached;
  for (const Node& node : stage.forward)
    for (std::size_t i = 0; i < node.operands.size(); ++i)
      if (const std::int64_t b = bits_of(node, i, bits); b > 0) cached[node.operands[i]] = b;
  for (const auto& [tensor, its] : cached) cache(stage, tensor, its);
}

}  // namespace ds::graph
