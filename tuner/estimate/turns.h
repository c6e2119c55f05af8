#pragma once
// In which order the passes of all stages can be gone through, one after another, so that each finds what it waits for.

#include <cstdint>
#include <vector>

#include "simulator/base/memo.h"
#include "simulator/program/schedule/schedule.h"
#include "tuner/estimate/shape.h"

namespace ds::tuner {

/// The next pass of a stage. Cells are stage * chunks + chunk.
struct Turn {
  /// Most passes take a message and belong to no micro-batch at an end of the step.
  enum class Kind : std::uint8_t { plain_forward, plain_backward, other };

  std::int32_t cell{}, to{};  // `to`: the cell that its message goes to; behind all where it sends none
  std::int32_t micro{};
  std::uint16_t stage{};
  bool forward{};
  Kind kind{};
};

/// Part of the list that comes again and again, each time so many micro-batches later.
struct Repeat {
  std::size_t first{}, length{};  // turns, of the first time
  std::size_t times{};            // in the list
  std::int32_t micro_batches{};
};

class Turns {
 public:
  explicit Turns(const Shape& shape);

  /// A pipeline of fewer micro-batches whose turns are those of `shape` but for times that its repeats come. So the list
  /// of a long step is short.
  static Shape shortened(const Shape& shape);

  /// False where the stages wait for each other for ever.
  bool possible() const { return possible_; }
  const std::vector<Turn>& list() const { return list_; }
  /// The schedule in full swing: none, one such part, or one of forwards and one of backwards.
  const std::vector<Repeat>& repeats() const { return repeats_; }
  /// By cell: messages forward that there is memory for when they come in beside the compute lane.
  const std::vector<std::int32_t>& slots() const { return slots_; }
  /// When a message comes in, its memory was set free by one of the last so many backwards of its chunk: a power of 2.
  std::int32_t history() const { return history_; }

 private:
  void find_history(const Shape& shape, std::size_t stage, const std::vector<program::ScheduledPass>& order);
  void find_repeats(const Shape& shape);

  bool possible_{true};
  std::vector<Turn> list_;
  std::vector<Repeat> repeats_;
  std::vector<std::int32_t> slots_;  // by stage * chunks + chunk
  std::int32_t history_{4};          // backwards take two messages at a time
};

/// Many plans have pipelines of one shape.
using TurnsOfShapes = Memo<Shape, Turns>;

}  // namespace ds::tuner
