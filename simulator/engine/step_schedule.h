#pragma once
// What a rank does in a step, lane by lane, in segments: runs of instructions that nothing interrupts, between points where
// the lane waits for another lane or another class, or one of these waits for it. A step in the middle of a run: it waits
// for what the step before has left as well.

#include <cstdint>
#include <vector>

#include "simulator/engine/engine.h"
#include "simulator/engine/lane_body.h"
#include "simulator/program/channels.h"
#include "simulator/program/scoreboard.h"

namespace ds::engine {

/// An instruction of the compute lane at which all lanes of all classes have ended what was issued before it. So every step
/// goes on from there in the same way, and one of them is enough to know all.
struct Cut {
  std::int32_t call{};
  std::int32_t position{};  // in the call's template
};
/// Where a class's cut may be: its last communication with all other classes, or where it is alone its last instruction before
/// the last phase. Whether it is one is seen when the step is played.
Cut cut_of(const program::Program& program, std::size_t rank_class, program::Channels& channels);

struct Segment {
  Seconds alone;
  std::int32_t ended{};  // instructions of the lane that have ended with it, counted from the step's begin
  std::int32_t call{};   // of the step
  std::int32_t first{}, count{};         // positions in the call's LaneBody
  std::int32_t channel{kNoChannel};      // of the one communication that meets other classes
  program::InstructionId instruction{};  // its first
  std::int32_t first_wait{};             // of StepSchedule::waits
  std::int16_t waits{};
  bool communicates{};  // its one instruction does
};

struct StepSchedule {
  /// `apart`: by program::InstructionId, what has to be a segment of its own. `cut`: null where the step is not to be cut; the
  /// waits are then those of a step after two others.
  StepSchedule(const program::Program& program, std::size_t rank_class, const Durations& durations,
               program::Channels& channels, const std::vector<bool>& apart, const Cut* cut);

  std::vector<program::Call> calls;
  std::vector<std::vector<LaneBody>> bodies;   // by template and lane; empty where the class does not call it
  std::vector<std::vector<Segment>> segments;  // by lane
  std::vector<std::int64_t> lengths;           // instructions of a step, by lane
  std::vector<std::int64_t> before_cut;        // those that are issued up to the cut, it included; by lane
  std::vector<program::Position> waits;        // counted from the step's begin; below 1: of the step before

  const LaneBody& body(const Segment& segment, std::size_t lane) const {
    return bodies[program::index(calls[static_cast<std::size_t>(segment.call)].body)][lane];
  }
};

}  // namespace ds::engine
