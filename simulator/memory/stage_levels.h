#pragma once
// How much is alive at the highest points of a stage's step, as a sum over sizes: lowered alone, once for all plans whose
// stages do the same things, whatever their micro-batches, layers and data-parallel ranks.

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "simulator/memory/level.h"
#include "simulator/memory/moments.h"
#include "simulator/memory/pass_levels.h"

namespace ds::memory {

class StageLevels {
 public:
  using Graphs = PassReader::Graphs;

  /// As PassReader is given them.
  StageLevels(program::StageInputs inputs, Graphs graphs, Graphs graphs_of_two);

  const SizeNumbers& sizes() const { return sizes_; }
  /// The most bytes that any stage with such moments needs at once, by its sizes. Nothing where it has to be looked at call by
  /// call.
  std::optional<std::int64_t> most(std::span<const StageMoments* const> stages, const Level& sizes);

 private:
  PassLevels& levels_of(const StageMoments& moments);

  program::StageInputs inputs_;
  Graphs graphs_, graphs_of_two_;
  SizeNumbers sizes_;
  /// By kinds of passes and the ranks of their last calls.
  std::map<std::pair<std::vector<program::PassKind>, std::vector<std::int32_t>>, PassLevels> passes_;
};

}  // namespace ds::memory
