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
#include "simulator/program/stage_lowering.h"

namespace ds::engine {

/// Work of a pass's own in the compute lane, without messages and without what is done once a step.
class PassSeconds {
 public:
  /// A place in the pass: so many instructions of an iteration of a block have been done. Blocks without such work do not
  /// count.
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
    return sum + block.before.back() * place.iteration + block.before[static_cast<std::size_t>(place.index)];
  }
  /// Of its messages.
  Bytes received, sent;

 private:
  friend class ChunkSeconds;
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

  /// `machine` has to outlive it.
  ChunkSeconds(const Inputs& inputs, std::shared_ptr<const graph::Stage> graph, const cost::Machine& machine);
  ChunkSeconds(const ChunkSeconds&) = delete;
  ChunkSeconds& operator=(const ChunkSeconds&) = delete;

  /// Of kinds of passes, whose chunk does not count. What is lowered for those that are new is not kept.
  std::vector<const PassSeconds*> of(std::span<const program::PassKind> kinds);

 private:
  struct Lowered;

  PassSeconds read(Lowered& chunk, program::TemplateId id) const;

  Inputs inputs_;
  std::shared_ptr<const graph::Stage> graph_;
  const cost::Machine* machine_;
  std::map<program::PassKind, PassSeconds> passes_;
};

}  // namespace ds::engine
