#pragma once
// What a rank does in a step of an unrolled program, lane by lane, in segments: runs of instructions that nothing interrupts,
// between points where the lane waits for another lane or another class, or one of these waits for it. A step in the middle
// of a run: it waits for what the step before has left as well.

#include <cstdint>
#include <span>
#include <vector>

#include "simulator/engine/engine.h"
#include "simulator/program/channels.h"
#include "simulator/program/scoreboard.h"

namespace ds::tuner {

inline constexpr std::int32_t kNoChannel = -1;

/// The instructions of a template that are in one lane.
struct LaneBody {
  std::vector<program::InstructionId> instructions;
  std::vector<std::int32_t> channels;  // by position in `instructions`
  std::vector<double> begins;          // seconds of all before that position
  std::vector<bool> apart;             // a segment of its own
};

inline bool meets_everybody(const program::Instruction& instruction) {
  return instruction.kind == program::Kind::collective && instruction.comm.group == program::kWorld;
}

struct Segment {
  std::int32_t call{};               // of the step
  std::int32_t first{}, count{};     // positions in the call's LaneBody
  std::int32_t channel{kNoChannel};  // of the one communication that meets other classes
  program::Span waits;               // in StepSchedule::waits
  std::int64_t ended{};  // instructions of the lane that have ended with it, counted from the step's begin
  Seconds alone;
};

/// Of an unrolled program, in which every block comes once.
std::span<const program::Instruction> body_of(const program::Program& program, program::TemplateId id);
/// The number of its first instruction.
std::int32_t first_of(const program::Program& program, program::TemplateId id);

struct ProbeSchedule {
  /// Meetings of everybody are segments of their own.
  ProbeSchedule(const program::Program& program, std::size_t rank_class, const engine::Durations& durations,
                program::Channels& channels);

  std::vector<program::Call> calls;
  std::vector<std::vector<LaneBody>> bodies;   // by template and lane; empty where the class does not call it
  std::vector<std::vector<Segment>> segments;  // by lane
  std::vector<std::int64_t> lengths;           // instructions of a step, by lane
  std::vector<program::Position> waits;        // counted from the step's begin; below 1: of the step before

  const LaneBody& body(const Segment& segment, std::size_t lane) const {
    return bodies[program::index(calls[static_cast<std::size_t>(segment.call)].body)][lane];
  }
};

}  // namespace ds::tuner
