// From times of segments to a summary, by the rank that finishes last.
#include "simulator/engine/step_times.h"

#include <algorithm>

namespace ds::engine {
namespace {

constexpr std::int32_t kThirdStep = 2;  // steady

program::RankTotals totals_of(const StepOfClass& one, bool crowded) {
  program::RankTotals totals;
  for (std::size_t l = 0; l < one.times->size(); ++l) {
    const std::vector<Interval>& times = (*one.times)[l];
    for (const Interval& time : times) totals.end = std::max(totals.end, time.end);
    if (!crowded)
      for (const program::Call& call : one.schedule->calls)
        totals.busy += Seconds{one.schedule->bodies[program::index(call.body)][l].computed()};
    // Where cores are short, an operator is a segment of its own.
    if (!crowded) continue;
    auto time = times.begin();
    one.schedule->for_each_segment(l, [&](const Segment& segment) {
      if (!segment.communicates) totals.busy += time->end - time->start;
      ++time;
    });
  }
  return totals;
}

}  // namespace

void count_from(std::vector<StepOfClass>& classes, Seconds begin) {
  for (StepOfClass& one : classes)
    for (std::size_t l = 0; l < one.times->size(); ++l) {
      auto next = (*one.times)[l].begin();
      one.schedule->for_each_segment(l, [&](const Segment& segment) {
        Interval& time = *next++;
        time.start -= begin;
        time.end -= begin;
        if (segment.communicates && time.start < Seconds{})
          time.start = std::max(time.start, std::min(Seconds{}, time.end - segment.alone));
      });
    }
}

Played sum_up(const program::Program& program, const std::vector<StepOfClass>& classes, Seconds length,
              const program::AloneTimes& alone, bool crowded, Rows rows) {
  Played played;
  played.timeline.length = length;
  std::vector<program::RankTotals> totals;
  for (const StepOfClass& one : classes) totals.push_back(totals_of(one, crowded));
  const auto rows_of = [&](std::size_t c) {
    return [&, c](const std::function<void(const program::Row&)>& fn) {
      for_each_row(program, c, *classes[c].schedule, *classes[c].times, kThirdStep, fn);
    };
  };
  played.summary = program::summarise_rank(program, rows_of(program::finishes_last(totals)), length, alone);
  if (rows == Rows::all)
    for (std::size_t c = 0; c < classes.size(); ++c)
      rows_of(c)([&](const program::Row& row) { played.timeline.rows.push_back(row); });
  return played;
}

}  // namespace ds::engine
