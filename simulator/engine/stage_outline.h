#pragma once
// A kind of stage as others see it: which of its work waits for messages or is waited for, and apart from that how long it
// takes. Lowered alone, once for all plans that have it; what its passes take is asked of its chunks' ChunkSeconds.
//
// Lanes that no other class knows, those of data-parallel collectives and of copies to and from the host, are no part of that
// picture: what they do to the compute lane is added up by LocalLanes.

#include <cstdint>
#include <memory>
#include <vector>

#include "simulator/cost/machine.h"
#include "simulator/engine/chunk_seconds.h"
#include "simulator/engine/engine.h"
#include "simulator/program/stage_lowering.h"

namespace ds::engine {

/// A place in a lane's part of a template: what has been done before it.
struct Boundary {
  std::int32_t lane{};
  std::int32_t position{};  // instructions of the lane
  double seconds{};         // of what is priced with the stage
  PassSeconds::Place own,
      of_step;    // of what is priced apart: the pass's own work, and what is done once a step
  bool losses{};  // the loss of all micro-batches has been summed
};

/// A use of a buffer that a lane of messages uses as well. Buffers have numbers in the order in which a stage first uses them;
/// in StageTemplates' own.
struct SharedUse {
  std::int32_t buffer{};
  std::int16_t instance{};
  bool reads{};
};

/// Work of a lane without interruption, or something in which classes meet.
struct OutlineItem {
  enum class What : std::uint8_t { work, sent, received, collective };
  std::int32_t lane{};
  What what{};
  program::Group group;  // of what meets
  std::int32_t shift{};  // of a message: to, or from, so many stages further
  Boundary from, to;     // of the lane; work may be none
  /// Of TemplateOutline::uses: those that begin with it, which may have to wait, then those that end with it.
  std::int32_t first_use{}, begins{}, ends{};
};

struct TemplateOutline {
  /// In the order of issue. Items of a lane follow one another without gaps: between two places where somebody may wait there
  /// is always one, so that stages look alike whatever they compute.
  std::vector<OutlineItem> items;
  std::vector<SharedUse> uses;
  Bytes received, sent;  // of messages, where they are priced with the stage
};

/// Which passes a stage calls, and when first and last.
struct PassList {
  std::vector<program::PassKind> kinds;  // in the order of their first calls
  /// Kinds, in the order of the calls: of every chunk's first forward and of its last backward to the weights.
  std::vector<std::int32_t> first_forwards, last_backwards;
  auto operator<=>(const PassList&) const = default;
};

/// Work on a lane of the class's own, or a place in the compute lane where something waits for such work or it is waited for.
struct LocalItem {
  enum class When : std::uint8_t { after_cut, first_forward, last_backward, finish };
  When when{};
  std::int32_t in_template{};
  std::int32_t item{-1};            // of the compute lane: the item that it is in; of another lane: none
  Boundary from, to;                // begin and end
  std::vector<std::int32_t> waits;  // for items of the list
};

class StageTemplates;
class PassTemplates;

/// Of a stage that calls certain passes.
class StageOutline {
 public:
  /// `chunks` as StageTemplates has them.
  StageOutline(StageTemplates& all, const std::vector<PassTemplates*>& chunks, PassList passes);

  /// Of the passes, in their order, then of what follows them, then of the update.
  const std::vector<TemplateOutline>& templates() const { return templates_; }
  std::size_t finish() const { return templates_.size() - 2; }
  std::size_t update() const { return templates_.size() - 1; }
  /// The item of finish() at which the step ends: the last meeting of all classes; behind all where they never meet.
  std::size_t cut() const { return cut_; }
  /// From one cut to the next, in the order of issue.
  const std::vector<LocalItem>& local() const { return local_; }
  /// Whether the compute lane waits for others in the update: for gradients that the host has been given.
  bool update_waits() const { return update_waits_; }
  const PassList& passes() const { return passes_; }
  /// How many slots a buffer has, by SharedUse::buffer.
  const std::vector<program::SlotRule>& slots() const { return slots_; }

  /// All of passes, items, uses and slots, and whether anything is local.
  std::vector<std::int32_t> make_shape() const;
  /// Stages of equal shapes wait alike for each other: equal ones have one address, once set_shape has given it.
  const std::vector<std::int32_t>* shape() const { return shape_; }
  void set_shape(const std::vector<std::int32_t>* shape) { shape_ = shape; }

 private:
  PassList passes_;
  std::vector<TemplateOutline> templates_;
  std::size_t cut_{};
  std::vector<LocalItem> local_;
  bool update_waits_{};
  std::vector<program::SlotRule> slots_;
  const std::vector<std::int32_t>* shape_{};
};

}  // namespace ds::engine
