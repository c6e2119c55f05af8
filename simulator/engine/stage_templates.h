#pragma once
// The templates of one kind of stage, lowered alone and looked at when first asked for.

#include <algorithm>
#include <cstdint>
#include <map>
#include <memory>
#include <utility>
#include <vector>

#include "simulator/cost/machine.h"
#include "simulator/engine/engine.h"
#include "simulator/engine/stage_outline.h"
#include "simulator/engine/touches.h"
#include "simulator/program/stage_lowering.h"

namespace ds::engine {

/// A place of a template that belongs to the class alone, before anything is known of who waits for whom.
struct LocalPlace {
  struct LocalUse {
    std::pair<std::size_t, std::int32_t> copy;  // buffer, copy
    bool reads{};
  };
  LocalItem item;
  bool compute{};  // in the compute lane
  std::vector<LocalUse> uses;
};

struct ReadTemplate {
  TemplateOutline outline;
  std::vector<LocalPlace> places;
};

class StageTemplates {
 public:
  /// All that decides.
  struct Inputs {
    program::StageInputs stage;  // of_stage() leaves no more than counts
    program::Grid grid;
    std::int32_t rank{};  // one that does it
    std::size_t machine{};
    auto operator<=>(const Inputs&) const = default;
  };
  /// Whether every pass gathers weights, or reduces its gradients into shards.
  static bool shards_in_passes(const program::StageInputs& stage) {
    return stage.gathers_weights() || stage.sharding.gradients;
  }
  /// Whether what its passes take is asked of its chunks. Not where a forward and a backward are one, layers differ, passes do what
  /// depends on data-parallel ranks, or another lane takes turns with the compute lane in each of them.
  static bool by_chunk(const program::StageInputs& stage) {
    const bool beside =
        stage.lanes.context != stage.lanes.compute || stage.lanes.experts != stage.lanes.compute;
    return stage.directions == 1 && !beside && !shards_in_passes(stage) &&
           std::ranges::all_of(stage.chunks,
                               [](const program::ChunkInputs& chunk) { return chunk.graph.kinds.empty(); });
  }
  /// Of `stage` what counts.
  static program::StageInputs of_stage(program::StageInputs stage);

  /// `machine` has to outlive it.
  StageTemplates(const Inputs& inputs, const workload::Plan& plan,
                 std::vector<std::shared_ptr<const graph::Stage>> graphs, const cost::Machine& machine);
  ~StageTemplates();
  StageTemplates(const StageTemplates&) = delete;
  StageTemplates& operator=(const StageTemplates&) = delete;

  const ReadTemplate& pass(const program::PassKind& kind);
  const ReadTemplate& finish() { return finish_; }
  const ReadTemplate& update() { return update_; }
  /// By SharedUse::buffer of the templates that have been read.
  const std::vector<program::SlotRule>& slots() const { return slots_; }

  const StageOutline* known(const PassList& passes) const {
    const auto found = outlines_.find(passes);
    return found == outlines_.end() ? nullptr : &found->second;
  }
  /// What has been lowered for it is not kept: there are thousands of kinds of stages.
  StageOutline& add(const PassList& passes);

 private:
  class Reader;
  struct Lowered;

  Lowered& lowered();
  ReadTemplate read(Lowered& stage, program::TemplateId id, std::uint32_t legs);
  std::vector<program::TemplateId> note_all_uses(Lowered& stage);
  void note_uses(const program::Program& program, program::TemplateId id, std::uint32_t legs);

  Inputs inputs_;
  workload::Plan plan_;
  std::vector<std::shared_ptr<const graph::Stage>> graphs_;
  const cost::Machine* machine_;
  std::unique_ptr<Lowered> lowered_;  // while an outline is made
  std::uint32_t shown_{};             // lanes that are part of the picture, as bits; but for the compute lane
  std::vector<BufferLanes> shared_, local_;  // by buffer: lanes; none in the other list
  /// Legs of a micro-batch in which the compute lane uses a buffer, and in which another lane writes it, as bits.
  struct UsedIn {
    std::uint32_t here{}, written{};
  };
  std::vector<UsedIn> used_in_;                                           // by buffer
  std::map<std::pair<std::size_t, std::int32_t>, std::int32_t> numbers_;  // of copies
  std::vector<program::SlotRule> slots_;
  std::map<program::PassKind, ReadTemplate> passes_;
  ReadTemplate finish_, update_;
  std::map<PassList, StageOutline> outlines_;
};

}  // namespace ds::engine
