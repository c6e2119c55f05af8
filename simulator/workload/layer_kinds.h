#pragma once
// Layers of one model that differ: what tells one from another. Layers of a kind have the same graph.

#include <compare>
#include <cstdint>
#include <vector>

#include "simulator/workload/job.h"

namespace ds::workload {

struct LayerKind {
  bool windowed{};    // attention sees a window that is shorter than the sequence
  bool unrotated{};   // where others rotate queries and keys
  bool dense{};       // where others have experts
  bool recomputed{};  // in the backward, where others keep what they have made
  bool offloaded{};   // what it has made waits for its backward on the host
  auto operator<=>(const LayerKind&) const = default;
};

/// `layer`: from 0. `sequence_length`: tokens; a window that is no shorter than that is none.
LayerKind kind_of_layer(const Model& model, std::int64_t sequence_length, std::int64_t layer);

/// Whether all layers are of one kind.
bool layers_are_alike(const Model& model, std::int64_t sequence_length);

}  // namespace ds::workload
