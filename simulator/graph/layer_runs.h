#pragma once
// Which layers in a row repeat: what is told once of them.

#include <cstdint>
#include <span>
#include <vector>

#include "simulator/workload/layer_kinds.h"

namespace ds::graph {

/// Layers of these kinds, one after another, so many times.
struct LayerRun {
  std::vector<workload::LayerKind> kinds;
  std::int32_t times{1};
};

/// Cuts layers into runs. From each place on, the run that reaches farthest is taken, of equally long ones that of the fewest
/// kinds: five layers with a window and a full one, eight times, are one run; three of a kind and then fifty-eight of another
/// are two.
std::vector<LayerRun> layer_runs(std::span<const workload::LayerKind> layers);

}  // namespace ds::graph
