#pragma once
// A part of a stage that is lowered for its levels: what its passes touch, and what of that is alive between them. Thrown away once the
// levels are known.

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "simulator/memory/level.h"
#include "simulator/memory/part_moments.h"
#include "simulator/memory/template_lives.h"
#include "simulator/program/stage_lowering.h"

namespace ds::memory {

/// A call between certain others, and the highest levels of what it touches and of what lives throughout it. None: what lives
/// for a step is written whole again, which has to be looked at call by call.
struct Within {
  std::pair<std::int32_t, Between> call;  // as PartMoments::working has it
  std::vector<Level> levels;
};
/// What of a part lives from call to call while another part works; but for what is there once a stage.
struct Idle {
  Between between;
  Level level;
};

/// Of parts that call certain passes.
struct PassLevels {
  Level base;                                                  // what is alive always
  std::vector<std::pair<std::string, Level>> of_stage;         // likewise, once for all parts that have it
  std::vector<std::pair<program::SlotRule, Level>> in_flight;  // likewise, in as many slots: of one
  std::vector<Level> behind;   // of one micro-batch, as Moment::others counts them
  std::vector<Within> within;  // of calls that have been asked for
  std::vector<Idle> idle;      // likewise
};

/// What a part's passes touch, template by template, whatever the order in which they are called.
class LoweredPart {
 public:
  using Graphs = std::vector<std::shared_ptr<const graph::Stage>>;

  /// Chunks of more layers than kMostLayers are given with as many or one less: an even number where it is even. Within a block
  /// of equal layers the level changes evenly from the second to the last but one, so those between are none of the highest;
  /// what they keep is counted with a layer in the middle.
  static constexpr std::int32_t kMostLayers = 7;

  /// `inputs`: with micro-batches of one sequence. `graphs_of_two`: the same with two, for the sizes.
  LoweredPart(const program::StageInputs& inputs, const Graphs& graphs, const Graphs& graphs_of_two,
              const SizeNumbers& sizes);

  /// A template's lives, and which of its positions count.
  struct Read {
    program::TemplateId id{};
    TemplateLives lives;
    std::vector<bool> passed_over;
  };
  /// Each read once; they stay where they are.
  const Read& pass(const program::PassKind& kind) { return read(lowering_.pass(kind)); }
  const Read& finish() { return read(lowering_.finish()); }
  const Read& update() { return read(lowering_.update()); }

  const program::StageInputs& inputs() const { return inputs_; }
  const SizeNumbers& sizes() const { return sizes_; }
  const program::Program& program() const { return program_; }
  const program::StageLowering& lowering() const { return lowering_; }
  program::Span buffers() const { return buffers_; }
  const CopyNumbers& copies() const { return copies_; }
  /// Of a copy in one slot.
  const Terms& terms_of(program::BufferId buffer, std::int32_t copy) const;
  /// Of all slots of a copy, of which there are not as many as micro-batches are under way.
  Terms block_of(program::BufferId buffer, std::int32_t copy) const;

 private:
  bool is_cut(std::size_t chunk) const;
  bool is_between(const program::Template& body, std::int32_t iteration) const;
  void make_terms(const program::Program& of_two);
  const Read& read(program::TemplateId id);

  const program::StageInputs& inputs_;
  const SizeNumbers& sizes_;
  program::Program program_;
  program::StageLowering lowering_;
  program::Span buffers_;
  CopyNumbers copies_;
  std::vector<Terms> terms_;         // by buffer: one copy, one slot
  std::vector<Terms> middle_terms_;  // likewise, of the layer in the middle; empty: as the others
  std::map<program::TemplateId, Read> reads_;
};

/// Levels of a part that calls certain passes.
class PassReader {
 public:
  /// `moments`: of any stage with its kinds of passes. The part has to outlive it.
  PassReader(LoweredPart& part, const PartMoments& moments);

  /// But for `within` and `idle`.
  PassLevels levels() const;
  Within within(const std::pair<std::int32_t, Between>& call);
  Idle idle(const Between& between) const;

 private:
  using Read = LoweredPart::Read;
  struct StepCopy {
    program::BufferId buffer{};
    Terms terms;
    std::vector<const Touched*> touched;  // by kind, what follows the passes and the update
  };
  /// Of a micro-batch.
  struct SlotCopy {
    std::int32_t chunk{};
    program::BufferId buffer{};
    const Terms* terms{};
    std::vector<const Touched*> touched;   // by kind
    bool after_forward{}, after_inputs{};  // alive
  };
  struct Change {
    std::int32_t position{};
    bool birth{};
    const Terms* terms{};
    bool operator==(const Change&) const = default;
  };
  /// What a call touches that is born or dies in it, and what lives throughout.
  struct Lives {
    std::vector<Change> changes;
    Level throughout;
  };
  /// A pass as it is with certain changes in what lives for a step: levels above what lives throughout.
  struct Seen {
    std::vector<Change> of_step;
    std::vector<Level> levels;
  };

  void find_step_copies();
  void find_slot_copies();
  void find_way(SlotCopy& copy) const;
  bool is_alive_before(const StepCopy& copy, const Between& between) const;
  bool is_alive_behind(const StepCopy& copy, const Between& between) const;
  void live(const Touched* touched, bool before, bool behind, const Terms& terms, Lives& lives) const;
  void add_own_lives(std::size_t kind, Lives& lives) const;
  std::vector<Level> highest_of(std::vector<Change> changes, const std::vector<bool>& passed_over) const;

  const LoweredPart& part_;
  const program::Program& program_;
  const SizeNumbers& sizes_;
  std::vector<program::PassKind> kinds_;
  std::vector<std::int32_t> rank_;  // as PartMoments has it
  std::vector<const Read*> reads_;  // by kind, what follows the passes and the update
  std::vector<bool> always_;        // by buffer
  std::vector<StepCopy> step_copies_;
  std::vector<SlotCopy> slot_copies_;
  std::vector<std::optional<Lives>> own_lives_;  // by kind, once somebody has asked
  std::vector<std::vector<Seen>> seen_;          // likewise
};

}  // namespace ds::memory
