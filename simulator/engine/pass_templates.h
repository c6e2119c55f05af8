#pragma once
// The templates of some chunks, lowered once and looked at when first asked for: which of their work waits for messages or for
// lanes of the class's own, or is waited for. Of chunks that are asked for their seconds (ChunkSeconds), it is none of what
// decides how long anything takes.

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
#include "simulator/program/walk.h"

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

/// By buffer of a program, who uses it.
struct BufferUsers {
  std::uint32_t shown{};  // lanes that are part of the picture, as bits; but for the compute lane
  std::vector<BufferLanes> shared, local;  // lanes; none in the other list
  /// Legs of a micro-batch in which the compute lane uses a buffer, and in which another lane writes it, as bits.
  struct UsedIn {
    std::uint32_t here{}, written{};
  };
  std::vector<UsedIn> used_in;
};

/// Numbers of the buffers that outlines show, in the order in which they are first asked for.
class ShownBuffers {
 public:
  std::int32_t number_of(const program::Copy& copy, const program::StageLowering& lowering);
  /// By number.
  const std::vector<program::SlotRule>& slots() const { return slots_; }

 private:
  std::map<std::pair<std::size_t, std::int32_t>, std::int32_t> numbers_;  // of copies
  std::vector<program::SlotRule> slots_;
};

/// Where ranks are and who prices what they do.
struct Pricing {
  program::Grid grid;
  std::int32_t rank{};
  const cost::Machine* machine{};
};

/// A lowered stage that can be priced template by template.
struct LoweredStage {
  LoweredStage(const program::StageInputs& stage, const workload::Plan& plan, program::ChunkGraphs& graphs,
               program::StageLowering::Extent extent);
  Durations price(program::TemplateId id, const Pricing& by);

  program::Program program;
  program::StageLowering lowering;
  std::vector<Seconds> operators;  // of the program, so far as they have been priced
};

/// `durations`: of the template; null: what a pass does is counted, not priced. `legs`: of a micro-batch, that it has.
ReadTemplate read_template(const LoweredStage& stage, const BufferUsers& users, ShownBuffers& shown,
                           program::TemplateId id, const Durations* durations, std::uint32_t legs);

class PassTemplates {
 public:
  /// Whether what a stage's passes take is asked of its chunks. Not where a forward and a backward are one, layers differ, passes
  /// do what depends on data-parallel ranks, or another lane takes turns with the compute lane in each of them.
  static bool by_chunk(const program::StageInputs& stage);
  /// Of `stage`, for which that holds, what counts for one of its chunks.
  static program::StageInputs of_chunk(const program::StageInputs& stage, std::size_t chunk);

  /// `pricing`: none for a chunk. `plan`: for its lanes. `graphs` have to outlive it.
  PassTemplates(program::StageInputs stage, const workload::Plan& plan, program::ChunkGraphs& graphs,
                const Pricing* pricing);

  const ReadTemplate& pass(const program::PassKind& kind);
  /// What follows the passes, and the update.
  const ReadTemplate& finish();
  const ReadTemplate& update();
  /// By SharedUse::buffer of what has been read.
  const std::vector<program::SlotRule>& slots() const { return shown_.slots(); }
  const BufferUsers& users() const { return users_; }
  std::int32_t bucket_buffers() const { return bucket_buffers_; }  // of the first chunk
  /// What is lowered, not what is known.
  void forget() { lowered_.reset(); }

 private:
  LoweredStage& lowered();
  ReadTemplate read(program::TemplateId id, std::uint32_t legs);
  std::vector<program::TemplateId> note_all_uses(LoweredStage& stage);
  void note_uses(const program::Program& program, program::TemplateId id, std::uint32_t legs);

  program::StageInputs inputs_;
  workload::Plan plan_;
  program::ChunkGraphs& graphs_;
  Pricing pricing_;
  std::unique_ptr<LoweredStage> lowered_;
  BufferUsers users_;
  ShownBuffers shown_;
  std::int32_t bucket_buffers_{};
  std::map<program::PassKind, ReadTemplate> passes_;
  std::unique_ptr<ReadTemplate> finish_, update_;
};

}  // namespace ds::engine
