// Runs of nodes of the same layers, the buckets that each is the first to need, and where their gradients are complete.
#include "simulator/program/stage_gathering.h"

#include <algorithm>

namespace ds::program {

bool touches(const graph::Stage& graph, const graph::Node& node, const Bucket& bucket, ops::Role role) {
  return std::ranges::any_of(node.operands, [&](graph::TensorIndex t) {
    const graph::Tensor& tensor = graph.tensors[static_cast<std::size_t>(t)];
    return tensor.role == role && std::ranges::find(bucket.members, tensor.parameter,
                                                    &Bucket::Member::parameter) != bucket.members.end();
  });
}

std::vector<UnitRun> unit_runs(const graph::Stage& graph, const std::vector<graph::Node>& nodes,
                               const std::vector<bool>& in_pass, const std::vector<Bucket>& buckets,
                               const std::vector<bool>& gathers) {
  std::vector<UnitRun> runs;
  std::vector<bool> left = gathers;
  for (std::size_t first = 0; first < nodes.size();) {
    const std::int32_t layer = nodes[first].layer;
    UnitRun run{.first = first, .end = first, .buckets = {}};
    if (layer != graph::kNone) run.times = graph.layers[static_cast<std::size_t>(layer)].count;
    for (; run.end < nodes.size() && nodes[run.end].layer == layer; ++run.end) {
      if (!in_pass[run.end]) continue;
      for (std::size_t b = 0; b < buckets.size(); ++b)
        if (left[b] && touches(graph, nodes[run.end], buckets[b], ops::Role::weight)) {
          run.buckets.push_back(b);
          left[b] = false;
        }
    }
    first = run.end;
    runs.push_back(std::move(run));
  }
  return runs;
}

std::vector<std::vector<std::size_t>> buckets_complete_after(const graph::Stage& graph,
                                                             const std::vector<Bucket>& buckets) {
  std::vector<std::vector<std::size_t>> complete(graph.backward.size());
  for (std::size_t b = 0; b < buckets.size(); ++b)
    for (std::size_t n = graph.backward.size(); n-- > 0;)
      if (touches(graph, graph.backward[n], buckets[b], ops::Role::gradient)) {
        complete[n].push_back(b);
        break;
      }
  return complete;
}

}  // namespace ds::program
