#pragma once
// The moments of a step at which a stage may need most memory, pass by pass: which pass begins, how many micro-batches of
// which chunks are under way, which chunks have gradients. They follow from the schedule's order alone.

#include <array>
#include <cstdint>
#include <vector>

#include "tuner/estimate/shape.h"

namespace ds::tuner {

/// Where a chunk stands in the model, which decides what it holds beside its layers.
enum class Place : std::uint8_t { first, middle, last, both };
inline constexpr std::size_t kPlaces = 4;

/// Chunks of a stage that are alike.
struct Group {
  Place place{};
  std::int32_t layers{}, chunks{};
  bool operator==(const Group&) const = default;
};

/// The first or last chunk, and middle ones of two sizes.
inline constexpr std::size_t kGroups = 3;
using PerGroup = std::array<std::int32_t, kGroups>;

struct Moment {
  enum class Pass : std::uint8_t { forward, backward, rest };  // the rest of a step: norm and update
  Pass pass{};
  std::uint8_t group{};   // of the chunk that passes
  bool first{};           // gradients of this chunk, or the losses, are born in this pass
  bool ids{}, targets{};  // the host's tokens are needed still
  bool losses{};          // losses are there already
  PerGroup
      in_flight{};    // micro-batches between forward and backward beside this one, of all chunks of a group
  PerGroup summed{};  // chunks with gradients; beside this one where `first`
  PerGroup
      kept_slots{};  // of tensors which another lane touches, from forward to backward: slots, of all chunks
  PerGroup sent_slots{};  // the same of tensors that are there within a pass only
  bool operator==(const Moment&) const = default;
};

/// Stages whose chunks are alike: of any of them, the moments that none other tops.
struct StageShape {
  std::vector<Group> groups;
  std::vector<Moment> moments;
};

/// The same schedule with so few micro-batches that its steady state is seen once: it has the same moments.
Shape shortened(Shape key);

/// `layers` of the model, cut by the split rule (workload/split.h). Gpipe, 1f1b or interleaved.
std::vector<StageShape> stage_shapes(const Shape& key, std::int64_t layers);

}  // namespace ds::tuner
