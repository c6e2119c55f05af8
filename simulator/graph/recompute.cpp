#include <algorithm>
#include <boost/graph/adjacency_list.hpp>
#include <boost/graph/breadth_first_search.hpp>
#include <boost/graph/reverse_graph.hpp>
#include <iterator>
#include <map>
#include <set>

#include "simulator/base/error.h"
#include "simulator/graph/graph.h"
#include "simulator/graph/layer_runs.h"

namespace ds::graph {
namespace {

using Dependencies = boost::adjacency_list<boost::vecS, boost::vecS, boost::bidirectionalS>;

/// How a node touches its operands, in their order.
std::vector<ops::Access> accesses_of(const Node& node) {
  std::vector<ops::Access> accesses;
  for (const ops::Operand& operand : ops::operands(node.op)) accesses.push_back(operand.access);
  return accesses;
}

/// Edges from each node that wrote a tensor last to those that touch it next; writers in place follow one another.
Dependencies dependencies(const std::vector<Node>& nodes, std::size_t tensors) {
  Dependencies graph(nodes.size());
  std::vector<std::size_t> writer(tensors, nodes.size());
  for (std::size_t n = 0; n < nodes.size(); ++n) {
    const std::vector<ops::Access> accesses = accesses_of(nodes[n]);
    for (std::size_t i = 0; i < nodes[n].operands.size(); ++i) {
      std::size_t& last = writer[static_cast<std::size_t>(nodes[n].operands[i])];
      if (last != nodes.size() && accesses[i] != ops::Access::write) boost::add_edge(last, n, graph);
      if (accesses[i] != ops::Access::read) last = n;
    }
  }
  return graph;
}

struct MarkReached : boost::default_bfs_visitor {
  explicit MarkReached(std::vector<char>& reached_nodes) : reached(&reached_nodes) {}
  template <class Vertex, class Graph>
  void discover_vertex(Vertex v, const Graph&) const {
    (*reached)[v] = 1;
  }
  std::vector<char>* reached;
};

template <class Keep>
std::vector<Node> filtered(const std::vector<Node>& nodes, Keep&& keep) {
  std::vector<Node> result;
  std::ranges::copy_if(nodes, std::back_inserter(result), keep);
  return result;
}

/// Tensors that `forward` writes and `backward` reads.
std::vector<TensorIndex> saved(const std::vector<Node>& forward, const std::vector<Node>& backward) {
  std::set<TensorIndex> written, wanted;
  for (const Node& node : forward) {
    const std::vector<ops::Access> accesses = accesses_of(node);
    for (std::size_t i = 0; i < node.operands.size(); ++i)
      if (accesses[i] != ops::Access::read) written.insert(node.operands[i]);
  }
  for (const Node& node : backward)
    for (TensorIndex t : node.operands)
      if (written.contains(t)) wanted.insert(t);
  return {wanted.begin(), wanted.end()};
}

/// The replay of `forward` nodes with tensors of its own; `replica` maps the old tensors to the new ones.
Node replay(Stage& stage, Node node, std::map<TensorIndex, TensorIndex>& replica) {
  const std::vector<ops::Access> accesses = accesses_of(node);
  for (std::size_t i = 0; i < node.operands.size(); ++i) {
    TensorIndex& t = node.operands[i];
    if (const auto found = replica.find(t); found != replica.end()) {
      t = found->second;
    } else if (accesses[i] != ops::Access::read) {
      Tensor copy = stage.tensors[static_cast<std::size_t>(t)];
      copy.name += ".recomputed";
      stage.tensors.push_back(std::move(copy));
      t = replica[t] = static_cast<TensorIndex>(stage.tensors.size()) - 1;
    }
  }
  return node;
}

}  // namespace

std::vector<std::size_t> producers(const Stage& stage, const std::vector<Node>& nodes,
                                   const std::vector<TensorIndex>& wanted) {
  const Dependencies graph = dependencies(nodes, stage.tensors.size());
  const auto reversed = boost::make_reverse_graph(graph);
  std::vector<char> reached(nodes.size(), 0);
  for (std::size_t n = 0; n < nodes.size(); ++n) {
    const std::vector<ops::Access> accesses = accesses_of(nodes[n]);
    for (std::size_t i = 0; i < nodes[n].operands.size() && !reached[n]; ++i)
      if (accesses[i] != ops::Access::read && std::ranges::find(wanted, nodes[n].operands[i]) != wanted.end())
        boost::breadth_first_search(reversed, n, boost::visitor(MarkReached(reached)));
  }
  std::vector<std::size_t> result;
  for (std::size_t n = 0; n < nodes.size(); ++n)
    if (reached[n]) result.push_back(n);
  return result;
}

namespace {

LayerPlace place_of(const Node& node) { return {node.layer, node.member}; }

/// Before the first backward node that is kept, the forward nodes given are replayed as far as those backward nodes need them.
template <class Keep>
void recompute(Stage& stage, Keep&& keep, const std::vector<Node>& forward) {
  const auto first = std::ranges::find_if(stage.backward, keep);
  ensure(first != stage.backward.end(), "what is recomputed has a backward");
  const auto at = first - stage.backward.begin();
  const std::vector<TensorIndex> wanted = saved(forward, filtered(stage.backward, keep));
  std::map<TensorIndex, TensorIndex> replica;
  std::vector<Node> replayed;
  for (std::size_t n : producers(stage, forward, wanted))
    replayed.push_back(replay(stage, forward[n], replica));
  for (Node& node : stage.backward)
    if (keep(node))
      for (TensorIndex& t : node.operands)
        if (const auto found = replica.find(t); found != replica.end()) t = found->second;
  stage.backward.insert(stage.backward.begin() + at, replayed.begin(), replayed.end());
}

template <class Keep>
void recompute(Stage& stage, Keep&& keep) {
  recompute(stage, keep, filtered(stage.forward, keep));
}

/// The same before the first of the layer's backward nodes that reads anything the forward nodes write; nothing where none does.
void recompute_before_readers(Stage& stage, const LayerPlace& place, const std::vector<Node>& forward) {
  std::set<TensorIndex> written;
  for (const Node& node : forward) {
    const std::vector<ops::Access> accesses = accesses_of(node);
    for (std::size_t i = 0; i < accesses.size(); ++i)
      if (accesses[i] != ops::Access::read) written.insert(node.operands[i]);
  }
  const auto reads = [&](const Node& node) {
    return place_of(node) == place &&
           std::ranges::any_of(node.operands, [&](TensorIndex t) { return written.contains(t); });
  };
  if (std::ranges::any_of(stage.backward, reads)) recompute(stage, reads, forward);
}

/// Those of one layer that are not dear, nor change in place what a dear one has made.
std::vector<Node> cheap(const std::vector<Node>& layer) {
  std::vector<Node> result;
  std::set<TensorIndex> stored;
  std::size_t products = 0;
  for (const Node& node : layer) {
    const auto* regroup = std::get_if<ops::Regroup>(&node.op.what);
    const bool scatters = regroup != nullptr && regroup->how == ops::Regrouping::scatter;
    const bool every_other = ops::is_linear(node.op.what) && products++ % 2 == 0;
    const std::vector<ops::Access> accesses = accesses_of(node);
    bool stays = scatters || every_other || ops::is_attention(node.op.what);
    for (std::size_t i = 0; i < accesses.size(); ++i)
      stays = stays || (accesses[i] == ops::Access::add && stored.contains(node.operands[i]));
    if (!stays) result.push_back(node);
    for (std::size_t i = 0; stays && i < accesses.size(); ++i)
      if (accesses[i] != ops::Access::read) stored.insert(node.operands[i]);
  }
  return result;
}

bool is_norm_or_activation(const ops::What& what) {
  return std::holds_alternative<ops::RmsNorm>(what) || std::holds_alternative<ops::LayerNorm>(what) ||
         std::holds_alternative<ops::SwiGlu>(what) || std::holds_alternative<ops::Gelu>(what);
}

/// From latent vectors; or what puts heads together of the results.
bool projects_up(const Stage& stage, const Node& node) {
  if (std::holds_alternative<ops::JoinHeads>(node.op.what)) return true;
  if (!std::holds_alternative<ops::Linear>(node.op.what)) return false;
  const ParameterIndex p = stage.tensors[static_cast<std::size_t>(node.operands[1])].parameter;
  return p != kNone && stage.parameters[static_cast<std::size_t>(p)].name.ends_with("_up.weight");
}

/// The cache holds what products have made that are not replayed until the layer's backward begins, read by it or not.
template <class OfLayer>
void hold_results(Stage& stage, OfLayer&& of_layer, const std::vector<Node>& layer,
                  const std::vector<Node>& replayed) {
  const std::vector<Node> backward = filtered(stage.backward, of_layer);
  const auto reads = [](const std::vector<Node>& nodes, TensorIndex t) {
    return std::ranges::any_of(
        nodes, [t](const Node& node) { return std::ranges::find(node.operands, t) != node.operands.end(); });
  };
  const auto is_replayed = [&](TensorIndex result) {
    return std::ranges::any_of(replayed, [&](const Node& node) { return node.operands.back() == result; });
  };
  auto at = std::ranges::find_if(stage.backward, of_layer) - stage.backward.begin();
  for (const Node& node : layer) {
    const TensorIndex result = node.operands.back();
    if (!ops::is_linear(node.op.what) || is_replayed(result) || reads(backward, result)) continue;
    const std::int64_t elements = stage.tensors[static_cast<std::size_t>(result)].shape.elements();
    stage.backward.insert(stage.backward.begin() + at++,
                          {.op = {.what = ops::Hold{elements}, .type = node.op.type},
                           .operands = {result},
                           .layer = node.layer,
                           .member = node.member});
  }
}

}  // namespace

void recompute_layers(Stage& stage, const std::vector<LayerPlace>& layers) {
  for (const LayerPlace& place : layers)
    recompute(stage, [place](const Node& node) { return place_of(node) == place; });
}

void recompute_attention(Stage& stage, const std::vector<LayerPlace>& layers) {
  for (const LayerPlace& place : layers)
    recompute(stage, [place](const Node& node) {
      return place_of(node) == place && ops::is_attention(node.op.what);
    });
}

void recompute_operators(Stage& stage, const std::vector<LayerPlace>& layers) {
  for (const LayerPlace& place : layers) {
    const auto of_layer = [place](const Node& node) { return place_of(node) == place; };
    const std::vector<Node> layer = filtered(stage.forward, of_layer);
    const std::vector<Node> replayed = cheap(layer);
    recompute(stage, of_layer, replayed);
    hold_results(stage, of_layer, layer, replayed);
  }
}

void recompute_norms_and_activations(Stage& stage, const std::vector<LayerPlace>& layers) {
  for (const LayerPlace& place : layers) {
    const auto of_layer = [place](const Node& node) { return place_of(node) == place; };
    std::set<TensorIndex> made;  // what products take in 8 bits is made again with what it is made of
    recompute(stage, of_layer, filtered(stage.forward, [&](const Node& node) {
                const bool narrows = std::holds_alternative<ops::Quantise>(node.op.what) &&
                                     made.contains(node.operands.front());
                if (!of_layer(node) ||
                    (!narrows && !is_norm_or_activation(node.op.what) && !projects_up(stage, node)))
                  return false;
                made.insert(node.operands.begin(), node.operands.end());
                return true;
              }));
  }
}

namespace {

std::vector<LayerPlace> layers_with(const StageOptions& options, bool workload::LayerKind::* property) {
  std::vector<LayerPlace> places;
  const std::vector<LayerRun> runs = layer_runs(options.kinds);
  for (std::size_t run = 0; run < runs.size(); ++run)
    for (std::size_t member = 0; member < runs[run].kinds.size(); ++member)
      if (runs[run].kinds[member].*property)
        places.push_back({static_cast<std::int32_t>(run), static_cast<std::int32_t>(member)});
  return places;
}

}  // namespace

std::vector<LayerPlace> recomputed_layers(const StageOptions& options) {
  return layers_with(options, &workload::LayerKind::recomputed);
}

std::vector<LayerPlace> offloaded_layers(const StageOptions& options) {
  return layers_with(options, &workload::LayerKind::offloaded);
}

namespace {

/// Whether the node belongs to a module; an MLP has the norm before it, experts do not (transformer_layer.py of Megatron-Core).
bool is_of(workload::Module module, const Node& node) {
  using workload::Module;
  switch (module) {
    case Module::core_attn: return ops::is_attention(node.op.what);
    case Module::layernorm: return node.part == Part::attention_norm || node.part == Part::mlp_norm;
    case Module::mlp: return node.part == Part::mlp;
    case Module::moe:
      return node.part == Part::moe || node.part == Part::shared_experts ||
             node.part == Part::expert_activation;
    case Module::moe_act: return node.part == Part::expert_activation;
    case Module::shared_experts: return node.part == Part::shared_experts;
    case Module::mla_up_proj: return node.part == Part::up_projection;
  }
  return false;
}

}  // namespace

void recompute_modules(Stage& stage, const std::vector<LayerPlace>& layers, workload::Modules modules) {
  using workload::Module;
  for (const LayerPlace& place : layers)
    for (const Module module :
         {Module::core_attn, Module::mla_up_proj, Module::mlp, Module::shared_experts, Module::moe}) {
      if (!has(modules, module)) continue;
      const auto in_module = [&](const Node& node) { return place_of(node) == place && is_of(module, node); };
      const std::vector<Node> forward = filtered(stage.forward, in_module);
      if (module != Module::mla_up_proj) {
        if (std::ranges::any_of(stage.backward, in_module)) recompute(stage, in_module, forward);
        continue;
      }
      recompute_before_readers(stage, place, forward);  // attention reads what it makes
    }
}

void recompute_outputs(Stage& stage, const std::vector<LayerPlace>& layers, workload::Modules modules) {
  using workload::Module;
  for (const LayerPlace& place : layers)
    for (const Module module : {Module::layernorm, Module::moe_act})
      if (has(modules, module) && (module != Module::moe_act || !has(modules, Module::moe)))
        for (const Node& node :
             filtered(stage.forward, [&](const Node& n) { return place_of(n) == place && is_of(module, n); }))
          recompute_before_readers(stage, place, {node});
}

std::vector<LayerPlace> all_layers(const Stage& stage) {
  std::set<LayerPlace> layers;
  for (const Node& node : stage.forward)
    if (node.layer != kNone || node.member > 0) layers.insert(place_of(node));
  return {layers.begin(), layers.end()};
}

}  // namespace ds::graph
