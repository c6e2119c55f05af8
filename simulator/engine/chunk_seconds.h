#pragma once
// What the passes of one chunk take, whatever stage it is in, whatever its data-parallel ranks, however many layers it has:
// lowered alone, once for all plans that have such a chunk.

#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <vector>

#include "simulator/cost/machine.h"
#include "simulator/engine/engine.h"
#include "simulator/engine/touches.h"
#include "simulator/program/stage_lowering.h"

namespace ds::engine {

/// Work of one sort that a pass does in one lane: its own in the compute lane, without messages; or what it does once a step.
class PassSeconds {
 public:
  /// A place in the pass: so many instructions of an iteration of a block have been done. Blocks without such work do not
  /// count, nor do iterations that are left out where layers are looked at (touches.h).
  struct Place {
    std::int32_t block{}, iteration{}, index{};
  };
  /// Seconds of what is before it, in a chunk of so many layers.
  double before(const Place& place, std::int32_t layers) const {
    double sum = 0;
    for (std::int32_t b = 0; b < place.block; ++b) {
      const BlockSeconds& block = blocks_[static_cast<std::size_t>(b)];
      sum += block.before.back() * (block.layers ? layers : 1);
    }
    if (place.iteration == 0 && place.index == 0) return sum;
    const BlockSeconds& block = blocks_[static_cast<std::size_t>(place.block)];
    return sum + block.before.back() * stands_for(place.iteration, layers) +
           block.before[static_cast<std::size_t>(place.index)];
  }
  /// Of its messages.
  Bytes received, sent;

  /// Of an iteration of the next block, which comes once, or once a layer: nothing where `seconds` are none.
  void add_block(bool layers, const std::vector<double>& seconds);

 private:
  struct BlockSeconds {
    bool layers{};                  // comes once a layer
    std::vector<double> before{0};  // of an iteration, by its instructions; one more for the end
  };
  std::vector<BlockSeconds> blocks_;
};

class ChunkSeconds {
 public:
  /// All that decides: what lowering reads, where the ranks are, and which of the machines prices.
  struct Inputs {
    program::StageInputs stage;  // of one chunk; of_passes() leaves no more than counts
    program::Grid grid;
    std::int32_t rank{};  // one that does it
    std::size_t machine{};
    auto operator<=>(const Inputs&) const = default;
  };
  /// Of `stage` what counts for the passes of one of its chunks. Layers beyond two are left out.
  static program::StageInputs of_passes(const program::StageInputs& stage, std::size_t chunk);

  /// The others have to outlive it.
  ChunkSeconds(const Inputs& inputs, program::ChunkGraphs& graphs, const cost::Machine& machine);
  ChunkSeconds(const ChunkSeconds&) = delete;
  ChunkSeconds& operator=(const ChunkSeconds&) = delete;

  /// Of kinds of passes, whose chunk does not count. What is lowered for those that are new is not kept.
  std::vector<const PassSeconds*> of(std::span<const program::PassKind> kinds);

 private:
  struct Lowered;

  PassSeconds read(Lowered& chunk, program::TemplateId id) const;

  Inputs inputs_;
  program::ChunkGraphs& graphs_;
  const cost::Machine* machine_;
  std::map<program::PassKind, PassSeconds> passes_;
};

}  // namespace ds::engine
