#pragma once
// How much is alive at the highest points of a stage's step, as a sum over sizes: lowered alone, once for all plans whose
// stages do the same things, whatever their micro-batches, layers and data-parallel ranks.

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <vector>

#include "simulator/memory/level.h"
#include "simulator/memory/lifetimes.h"
#include "simulator/memory/moments.h"
#include "simulator/memory/template_lives.h"
#include "simulator/program/stage_lowering.h"

namespace ds::memory {

class StageLevels {
 public:
  using Graphs = std::vector<std::shared_ptr<const graph::Stage>>;

  /// Chunks of more layers than kMostLayers are given with as many or one less: an even number where it is even. Within a block
  /// of equal layers the level changes evenly from the second to the last but one, so those between are none of the highest;
  /// what they keep is counted with a layer in the middle.
  static constexpr std::int32_t kMostLayers = 7;

  /// `inputs`: with micro-batches of one sequence. `graphs_of_two`: the same with two, for the sizes.
  StageLevels(const program::StageInputs& inputs, const Graphs& graphs, const Graphs& graphs_of_two);
  ~StageLevels();
  StageLevels(const StageLevels&) = delete;
  StageLevels& operator=(const StageLevels&) = delete;

  const SizeNumbers& sizes() const { return sizes_; }
  /// Adds those of a stage with such moments; false: what lives for a step is written whole again, and has to be looked at
  /// call by call.
  bool add_highest(const StageMoments& moments, Highest& highest);

 private:
  class Passes;
  /// A template's lives, and which of its positions count.
  struct Read {
    TemplateLives lives;
    std::vector<bool> passed_over;
  };

  const Read& read(program::TemplateId id);
  bool is_cut(std::size_t chunk) const;
  /// An iteration that is none of the highest.
  bool is_between(const program::Template& body, std::int32_t iteration) const;
  void make_sizes(const program::Program& of_two);

  program::StageInputs inputs_;
  program::Program program_;
  program::StageLowering lowering_;
  program::Span buffers_;
  CopyNumbers copies_;
  SizeNumbers sizes_;
  std::vector<Level> levels_;       // by buffer: one copy, one slot
  std::vector<Level> more_levels_;  // likewise, of layers that are left out; empty: there are none
  std::map<program::TemplateId, Read> reads_;
  /// Of what a template touches, by what of that is alive before it and behind it.
  std::map<std::pair<program::TemplateId, std::vector<bool>>, std::unique_ptr<Highest>> highest_;
  /// By kinds of passes and the ranks of their last calls.
  std::map<std::pair<std::vector<program::PassKind>, std::vector<std::int32_t>>, std::unique_ptr<Passes>>
      passes_;
};

}  // namespace ds::memory
