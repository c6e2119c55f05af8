#pragma once
// What a rank does in a step, lane by lane, in segments: runs of instructions that nothing interrupts, between points where
// the lane waits for another lane or another class, or one of these waits for it. A step in the middle of a run: it waits
// for what the step before has left as well.

#include <cstdint>
#include <span>
#include <vector>

#include "simulator/engine/engine.h"
#include "simulator/engine/lane_body.h"
#include "simulator/engine/steady_calls.h"
#include "simulator/program/channels.h"

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
  std::int32_t first{}, count{};         // positions in the template's LaneBody
  std::int32_t channel{kNoChannel};      // of the one communication that meets other classes
  program::InstructionId instruction{};  // its first
  std::int32_t first_wait{};             // of StepSchedule::waits
  std::int16_t waits{};
  bool communicates{};  // its one instruction does
};

/// Until that lane has ended so many instructions, counted from what was issued before the call that waits: nearly always
/// below 0.
struct CallWait {
  std::int32_t lane{}, ended{};
  bool operator==(const CallWait&) const = default;
};

/// A call's segments by lane. Calls of a steady state wait alike and are waited for alike, so a few forms do for thousands.
struct CallForm {
  program::TemplateId body{};
  std::vector<std::vector<Segment>> segments;
};

struct StepSchedule {
  /// `apart`: by program::InstructionId, what has to be a segment of its own. `cut`: null where the step is not to be cut; the
  /// waits are then those of a step after two others.
  StepSchedule(const program::Program& program, std::size_t rank_class, const Durations& durations,
               program::Channels& channels, const std::vector<bool>& apart, const Cut* cut);

  std::vector<program::Call> calls;
  std::vector<std::vector<LaneBody>> bodies;  // by template and lane; empty where the class does not call it
  std::vector<CallForm> forms;
  std::vector<std::int32_t> form_of;  // by call
  SteadyCalls steady;                 // of these calls, each has the form of the one a period before it
  std::vector<CallWait> waits;
  std::vector<std::int64_t> lengths;     // instructions of a step, by lane
  std::vector<std::int64_t> before_cut;  // those that are issued up to the cut, it included; by lane

  std::size_t lanes() const { return lengths.size(); }
  const std::vector<Segment>& segments_of(std::size_t call, std::size_t lane) const {
    return forms[static_cast<std::size_t>(form_of[call])].segments[lane];
  }
  /// Instructions of the lane that the step has issued before the call; `call` may be the number of calls.
  std::int64_t issued(std::size_t call, std::size_t lane) const { return issued_[call * lanes() + lane]; }
  std::span<const CallWait> waits_of(const Segment& segment) const {
    return std::span(waits).subspan(static_cast<std::size_t>(segment.first_wait),
                                    static_cast<std::size_t>(segment.waits));
  }
  /// Segments of a step, of one lane.
  std::size_t count(std::size_t lane) const;
  /// Visits a lane's segments in their order: fn(segment).
  template <class Fn>
  void for_each_segment(std::size_t lane, Fn&& fn) const {
    for (std::size_t c = 0; c < calls.size(); ++c)
      for (const Segment& segment : segments_of(c, lane)) fn(segment);
  }

 private:
  friend class ScheduleBuilder;

  std::vector<std::int32_t> issued_;  // by call, and one more, and lane
};

}  // namespace ds::engine
