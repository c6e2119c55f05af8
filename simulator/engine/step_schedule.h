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

struct Segment {
  std::int32_t call{};               // of the step
  std::int32_t first{}, count{};     // positions in the call's LaneBody
  std::int32_t channel{kNoChannel};  // of the one communication that meets other classes
  program::Span waits;               // in StepSchedule::waits
  std::int64_t ended{};  // instructions of the lane that have ended with it, counted from the step's begin
  Seconds alone;
};

struct StepSchedule {
  /// `apart`: by program::InstructionId, what has to be a segment of its own.
  StepSchedule(const program::Program& program, std::size_t rank_class, const Durations& durations,
               program::Channels& channels, const std::vector<bool>& apart);

  std::vector<program::Call> calls;
  std::vector<std::vector<LaneBody>> bodies;   // by template and lane; empty where the class does not call it
  std::vector<std::vector<Segment>> segments;  // by lane
  std::vector<std::int64_t> lengths;           // instructions of a step, by lane
  std::vector<program::Position> waits;        // counted from the step's begin; below 1: of the step before

  const LaneBody& body(const Segment& segment, std::size_t lane) const {
    return bodies[program::index(calls[static_cast<std::size_t>(segment.call)].body)][lane];
  }
};

}  // namespace ds::engine
