#pragma once
// When a pass needs a bucket's weights and when it has completed the bucket's gradients. Weights that ranks keep in shards
// are gathered one unit, a layer or what stands between layers, ahead of where they are used, if they are gathered beside
// the work. Private to stage lowering.

#include <cstddef>
#include <cstdint>
#include <vector>

#include "simulator/graph/graph.h"
#include "simulator/program/buckets.h"

namespace ds::program {

/// Nodes of a pass that belong to the same layers, or to none, and the buckets that they are the first of it to need.
struct UnitRun {
  std::size_t first{}, end{};        // nodes
  std::int32_t times{1};             // layers
  std::vector<std::size_t> buckets;  // of each layer
};

/// `in_pass`: by node, whether it is work of this pass. `gathers`: by bucket, whether the pass has to gather it.
std::vector<UnitRun> unit_runs(const graph::Stage& graph, const std::vector<graph::Node>& nodes,
                               const std::vector<bool>& in_pass, const std::vector<Bucket>& buckets,
                               const std::vector<bool>& gathers);

/// By node of the backward: the buckets whose last gradient it computes.
std::vector<std::vector<std::size_t>> buckets_complete_after(const graph::Stage& graph,
                                                             const std::vector<Bucket>& buckets);

/// Whether an operand of the node is a parameter of the bucket, in that role.
bool touches(const graph::Stage& graph, const graph::Node& node, const Bucket& bucket, ops::Role role);

}  // namespace ds::program
