#pragma once
// From the step of an unrolled program to the lines of its classes.

#include <cstdint>
#include <vector>

#include "simulator/engine/engine.h"
#include "simulator/engine/step_schedule.h"
#include "tuner/estimate/lines.h"

namespace ds::tuner {

/// Instructions of a template, one after another in the compute lane: positions in its LaneBody.
struct Run {
  program::TemplateId body{};
  std::int32_t first{}, count{};
};

/// Where the seconds of a pass come from: what is done before each of its points and after the last, and the communication
/// that a point is about, -1 where it is about none.
struct Work {
  std::vector<std::vector<Run>> before;    // by point
  std::vector<program::InstructionId> at;  // likewise
  std::vector<Run> rest;
};

struct Collapsed {
  std::vector<Line> lines;                      // by class
  std::vector<engine::StepSchedule> schedules;  // likewise
  std::vector<std::vector<Work>> work;          // by class and pass
};

inline constexpr std::size_t kCompute = 0;  // lane

/// Puts other durations of the same program into the lines: which waits there are does not depend on them.
void reprice(const program::Program& program, const engine::Durations& durations, Collapsed& collapsed);

/// `program` is unrolled and has a class for each stage.
Collapsed collapse(const program::Program& program, const engine::Durations& durations);

}  // namespace ds::tuner
