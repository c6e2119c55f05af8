#pragma once
// From a program's step to the lines of the recurrence, and back from its times to those of segments.

#include "simulator/engine/engine.h"
#include "simulator/engine/expand.h"
#include "simulator/engine/recurrence.h"
#include "simulator/engine/step_schedule.h"

namespace ds::engine {

/// Where in its line a segment of the compute lane lies.
struct Place {
  std::int32_t after{-1};  // point before it, -1: the line's begin
  std::int32_t own{-1};    // its own point, of a communication with other classes
  double offset{};         // seconds of work since `after`
  bool before_step{};      // before Stop::step: of the step before
};

/// Instructions of a template, one after another in the compute lane: positions in its LaneBody.
struct Run {
  program::TemplateId body{};
  std::int32_t first{}, count{};
};

/// An instruction of a template that communicates; none where `instruction` is negative.
struct Communicates {
  program::TemplateId body{};
  std::int32_t instruction{-1};
};

/// Where the seconds of a pass come from: what is done before each of its points and after the last, and the communication
/// that a point is about.
struct Work {
  std::vector<std::vector<Run>> before;  // by point
  std::vector<Communicates> at;          // likewise
  std::vector<Run> rest;
};

struct Collapsed {
  Lines lines;
  std::vector<StepSchedule> schedules;                // by class
  std::vector<std::vector<Place>> places;             // by class and segment of the compute lane
  std::vector<std::vector<Work>> work;                // by class and pass
  std::vector<std::int32_t> collectives_before_step;  // by class, of the lane beside
};

inline constexpr std::size_t kCompute = 0;  // lane

inline std::uint8_t direction_of(const program::Instruction& instruction) {
  return instruction.comm.shift > 0 ? kForward : kBackward;
}

/// Puts other durations of the same program into the lines: which waits there are does not depend on them.
void reprice(const program::Program& program, const Durations& durations, Collapsed& collapsed);

/// One class a stage.
Collapsed collapse(const program::Program& program, const Durations& durations);

/// When the segments of a class ran, by lane, counted from the end of the step before.
std::vector<std::vector<Interval>> times_of(const program::Program& program, const Collapsed& collapsed,
                                            const Recurrence& recurrence, double period,
                                            std::size_t rank_class);

}  // namespace ds::engine
