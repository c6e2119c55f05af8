// Analytic depth: the step collapsed to lines, the recurrence over them, and the rows of the rank that finishes last.

#include <algorithm>

#include "simulator/engine/collapse.h"

namespace ds::engine {
namespace {

/// The same program with one class a stage: ranks of a stage are alike.
program::Program by_stage(program::Program program) {
  std::vector<program::RankClass> stages;
  for (const program::RankClass& ranks : program.classes) {
    const program::Coordinates& at = ranks.first;
    if (at.tp != 0 || at.cp != 0 || at.dp != 0) continue;
    stages.push_back(ranks);
    stages.back().members = program.extents.tp * program.extents.cp * program.extents.dp;
  }
  program.classes = std::move(stages);
  return program;
}

double computed(const StepSchedule& schedule) {
  double sum = 0;
  for (std::size_t lane = 0; lane < schedule.segments.size(); ++lane)
    for (const Segment& segment : schedule.segments[lane]) {
      const std::vector<double>& computed = schedule.body(segment, lane).computed;
      const auto first = static_cast<std::size_t>(segment.first);
      sum += computed[first + static_cast<std::size_t>(segment.count)] - computed[first];
    }
  return sum;
}

}  // namespace

program::StepSummary analyse(const program::Program& program, const Durations& durations) {
  if (std::ssize(program.classes) != program.extents.pp) return analyse(by_stage(program), durations);
  const Collapsed collapsed = collapse(program, durations);
  Recurrence recurrence;
  const double period = recurrence.run(collapsed.lines, Recurrence::Trace::yes);
  std::vector<program::RankTotals> totals;
  for (std::size_t c = 0; c < program.classes.size(); ++c)
    totals.push_back({{computed(collapsed.schedules[c])}, {period + recurrence.end_of_step(c)}});
  const std::size_t last = program::finishes_last(totals);
  std::vector<program::Row> rows;
  add_rows(program, last, collapsed.schedules[last], times_of(program, collapsed, recurrence, period, last),
           0, rows);
  return program::summarise_rank(program, rows, {period}, durations.communications);
}

Seconds bound(const program::Program& program, const Durations& durations) {
  if (std::ssize(program.classes) != program.extents.pp) return bound(by_stage(program), durations);
  return {Recurrence().run(thinned(collapse(program, durations).lines))};
}

}  // namespace ds::engine
