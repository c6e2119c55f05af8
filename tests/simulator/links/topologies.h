#pragma once
// Small specs to play.

#include <string>

#include "simulator/links/links.h"

namespace ds::links {

inline Spec over(Kind kind, std::int64_t ranks, Collective what, Algorithm algorithm, double bytes,
                 double rate, double latency_s) {
  Spec spec;
  spec.what = what;
  spec.bytes = bytes;
  spec.algorithms = {algorithm};
  spec.dimensions = {{.kind = kind, .size = ranks, .bytes_per_s = rate, .latency = Seconds{latency_s}}};
  return spec;
}

/// Links of GPUs take 1 byte a second and cards half of that; a message is under way for 1 s inside a node, 3 s between nodes.
inline Cluster slow_cluster(std::int64_t nodes, std::int64_t gpus, std::int64_t nics) {
  return {.nodes = nodes,
          .gpus = gpus,
          .nics = nics,
          .gpu_bytes_per_s = 1,
          .nic_bytes_per_s = 0.5,
          .node_latency = Seconds{1},
          .fabric_latency = Seconds{3}};
}

inline Spec over(const Cluster& cluster, Collective what, Algorithm algorithm, double bytes) {
  Spec spec;
  spec.what = what;
  spec.bytes = bytes;
  spec.algorithms = {algorithm};
  spec.cluster = cluster;
  return spec;
}

}  // namespace ds::links
