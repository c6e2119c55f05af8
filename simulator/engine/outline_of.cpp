// Segments become items: merged in the order of issue, their waits counted in items.
#include "simulator/engine/outline_of.h"

#include <algorithm>
#include <map>
#include <tuple>

namespace ds::engine {
namespace {

/// Items of a lane that have ended with so many of its instructions; 0 and below: of the step before.
std::int32_t items_for(const StepSchedule& schedule, const program::Position& until) {
  const auto lane = static_cast<std::size_t>(until.lane);
  const std::vector<Segment>& segments = schedule.segments[lane];
  const bool before = until.ended <= 0;
  const std::int64_t ended = until.ended + (before ? schedule.lengths[lane] : 0);
  const auto found = std::ranges::lower_bound(segments, ended, {}, &Segment::ended);
  const auto items = static_cast<std::int32_t>(found - segments.begin()) + 1;
  return items - (before ? static_cast<std::int32_t>(segments.size()) : 0);
}

}  // namespace

ClassOutline outline_of(const program::Program& program, const StepSchedule& schedule) {
  ClassOutline result;
  result.outline.lanes = static_cast<std::int32_t>(program.lanes.size());
  std::map<std::tuple<program::TemplateId, std::size_t, std::int32_t, std::int32_t>, std::int32_t> numbers;
  std::vector<std::size_t> next(schedule.segments.size(), 0);
  std::vector<std::pair<std::int32_t, std::size_t>> of_call;  // position in the template, lane
  std::vector<maxplus::Wait> waits;
  const auto add = [&](std::size_t lane) {
    const Segment& segment = schedule.segments[lane][next[lane]];
    const program::TemplateId body = schedule.calls[static_cast<std::size_t>(segment.call)].body;
    const auto [number, is_new] = numbers.try_emplace({body, lane, segment.first, segment.count},
                                                      static_cast<std::int32_t>(result.durations.size()));
    if (is_new) result.durations.push_back(segment.alone.value);
    waits.clear();
    for (std::int32_t w = segment.first_wait; w < segment.first_wait + segment.waits; ++w) {
      const program::Position& until = schedule.waits[static_cast<std::size_t>(w)];
      waits.push_back({until.lane, items_for(schedule, until)});
    }
    result.outline.add({.lane = static_cast<std::int32_t>(lane),
                        .duration = number->second,
                        .call = segment.call,
                        .channel = segment.channel},
                       waits);
    result.places.push_back({lane, next[lane]++});
  };
  for (std::size_t c = 0; c < schedule.calls.size(); ++c) {
    of_call.clear();
    const std::vector<LaneBody>& bodies = schedule.bodies[program::index(schedule.calls[c].body)];
    for (std::size_t lane = 0; lane < next.size(); ++lane)
      for (std::size_t s = next[lane]; s < schedule.segments[lane].size(); ++s) {
        const Segment& segment = schedule.segments[lane][s];
        if (segment.call != static_cast<std::int32_t>(c)) break;
        of_call.emplace_back(bodies[lane].in_template(segment.first), lane);
      }
    std::ranges::sort(of_call);
    for (const auto& [position, lane] : of_call) add(lane);
  }
  return result;
}

}  // namespace ds::engine
