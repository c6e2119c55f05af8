// A spec's time, and what explains it.
#include <algorithm>

#include "simulator/links/played.h"

namespace ds::links {
namespace {

/// Dimension after dimension: each begins when the one before has ended on all ranks. An all-reduce goes through them and back,
/// which takes in each as long as there and back again at once.
Played over_dimensions(const Spec& spec) {
  Played all;
  double bytes = spec.bytes;
  for (std::size_t i = 0; i < spec.dimensions.size(); ++i) {
    const Dimension& dimension = spec.dimensions[i];
    const std::int64_t groups = spec.ranks() / dimension.size;
    Played one =
        along_dimension(spec.what, spec.algorithms[i], dimension, bytes, static_cast<double>(groups));
    one.loads.front().what = "dimension " + std::to_string(i);
    all.time += one.time;
    all.steps += one.steps;
    all.loads.push_back(std::move(one.loads.front()));
    // Of these a rank's part gets smaller from dimension to dimension; of others all of the buffer goes through each.
    if (gathers_or_reduces(spec.what)) bytes /= static_cast<double>(dimension.size);
  }
  return all;
}

Played play(const Spec& spec) {
  return spec.cluster ? over_cluster(spec, *spec.cluster) : over_dimensions(spec);
}

Spec without_latency(Spec spec) {
  for (Dimension& dimension : spec.dimensions) dimension.latency = {};
  if (spec.cluster) spec.cluster->node_latency = spec.cluster->fabric_latency = {};
  return spec;
}

/// What nccl-tests multiplies the bytes per second by, so that the speed of a link comes out (its PERFORMANCE.md).
double bus_factor(Collective what, double ranks) {
  if (what == Collective::all_reduce) return 2 * (ranks - 1) / ranks;
  if (what == Collective::broadcast || what == Collective::shift) return 1;
  return (ranks - 1) / ranks;
}

}  // namespace

std::int64_t Spec::ranks() const {
  if (cluster) return cluster->ranks();
  std::int64_t ranks = 1;
  for (const Dimension& dimension : dimensions) ranks *= dimension.size;
  return ranks;
}

Seconds time_of(const Spec& spec) { return play(spec).time; }

Explained explain(const Spec& spec) {
  Played played = play(spec);
  Explained all{.time = played.time,
                .bare = time_of(without_latency(spec)),
                .ranks = spec.ranks(),
                .steps = played.steps,
                .loads = std::move(played.loads),
                .algorithm_bytes_per_s = {},
                .bus_bytes_per_s = {}};
  if (all.time.value > 0) {
    all.algorithm_bytes_per_s = spec.bytes / all.time.value;
    all.bus_bytes_per_s = *all.algorithm_bytes_per_s * bus_factor(spec.what, static_cast<double>(all.ranks));
  }
  const auto key = [&](const LinkLoad& load) { return spec.cluster ? load.busy() : load.time.value; };
  all.slowest = static_cast<std::size_t>(std::ranges::max_element(all.loads, {}, key) - all.loads.begin());
  return all;
}

std::vector<double> finish_times(const FlowSet& set) {
  return network::finish_times(set.capacities, set.flows);
}

}  // namespace ds::links
