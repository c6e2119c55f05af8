#pragma once
// A kind of stage: the templates of its chunks, each known from other stages that have one like it, and what it does once a step,
// which is its own.

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "simulator/engine/pass_templates.h"

namespace ds::engine {

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
  /// Of `stage` what counts.
  static program::StageInputs of_stage(program::StageInputs stage);
  /// The passes of a kind of stage, by chunk; none where they are its own.
  using Chunks = std::vector<PassTemplates*>;

  /// `graphs` and `machine` have to outlive it. `chunks`: of any stage of the kind.
  StageTemplates(const Inputs& inputs, const workload::Plan& plan, program::ChunkGraphs& graphs,
                 const cost::Machine& machine, const Chunks& chunks);

  /// A template, and where its buffers stand among the stage's.
  struct Placed {
    const ReadTemplate* read{};
    std::int32_t chunk{};         // whose they are; by none: 0
    std::int32_t first_buffer{};  // of those that the class has for itself
    std::int32_t layers{};        // of the chunk, where not all of them are looked at
  };
  Placed pass(const Chunks& chunks, const program::PassKind& kind);
  Placed finish() { return {own_ ? &own_->finish() : &*finish_}; }
  Placed update() { return {own_ ? &own_->update() : &*update_}; }
  /// Of a buffer by its number in such a template.
  program::SlotRule slots_of(const Chunks& chunks, std::int32_t chunk, std::int32_t buffer) const;

  /// What a pass does once a step, by lane; null where that is nothing, or known with the rest.
  const std::vector<PassSeconds>* once(const program::PassKind& kind) const;

  const StageOutline* known(const Chunks& chunks, const PassList& passes) const {
    const auto found = outlines_.find({chunks, passes});
    return found == outlines_.end() ? nullptr : &found->second;
  }
  /// What has been lowered for it is not kept: there are thousands of kinds of stages.
  StageOutline& add(const Chunks& chunks, const PassList& passes);

 private:
  std::vector<PassSeconds> read_once(const program::PassKind& kind);
  LoweredStage& lowered();

  Inputs inputs_;
  workload::Plan plan_;
  program::ChunkGraphs& graphs_;
  Pricing pricing_;
  std::unique_ptr<PassTemplates> own_;  // where passes are not asked of chunks; else:
  std::optional<ReadTemplate> finish_, update_;
  std::vector<program::Span> bucket_buffers_;  // by chunk
  std::map<program::PassKind, std::vector<PassSeconds>> once_;
  std::unique_ptr<LoweredStage> lowered_;  // what is done once a step, while an outline is made
  std::map<std::pair<Chunks, PassList>, StageOutline> outlines_;
};

}  // namespace ds::engine
