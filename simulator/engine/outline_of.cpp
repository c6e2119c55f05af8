// Segments become items: merged in the order of issue, their waits counted in items.
#include "simulator/engine/outline_of.h"

#include <algorithm>
#include <map>
#include <ranges>
#include <tuple>
#include <vector>

namespace ds::engine {
namespace {

/// What an outline asks of a schedule again and again.
class Items {
 public:
  explicit Items(const StepSchedule& schedule)
      : schedule_(schedule), orders_(schedule.forms.size()), before_(schedule.lanes()) {
    for (std::size_t c = 0; c < schedule.calls.size(); ++c)
      for (std::size_t lane = 0; lane < before_.size(); ++lane) {
        issued_.push_back(before_[lane]);
        before_[lane] += static_cast<std::int32_t>(schedule.segments_of(c, lane).size());
      }
  }

  struct Place {
    std::int32_t in_template{};
    std::size_t lane{}, segment{};
    std::int32_t duration{maxplus::kNone};
    auto operator<=>(const Place&) const = default;
  };
  /// A call's segments in the order of issue. Those of equal instructions have one duration.
  const std::vector<Place>& of_call(std::size_t call, std::vector<double>& durations) {
    std::vector<Place>& order = orders_[static_cast<std::size_t>(schedule_.form_of[call])];
    if (!order.empty()) return order;
    const program::TemplateId body = schedule_.calls[call].body;
    for (std::size_t lane = 0; lane < before_.size(); ++lane)
      for (std::size_t s = 0; s < schedule_.segments_of(call, lane).size(); ++s)
        order.push_back({schedule_.bodies[program::index(body)][lane].in_template(
                             schedule_.segments_of(call, lane)[s].first),
                         lane, s});
    std::ranges::sort(order);
    for (Place& place : order) {
      const Segment& segment = schedule_.segments_of(call, place.lane)[place.segment];
      const auto [number, is_new] = numbers_.try_emplace({body, place.lane, segment.first, segment.count},
                                                         static_cast<std::int32_t>(durations.size()));
      if (is_new) durations.push_back(segment.alone.value);
      place.duration = number->second;
    }
    return order;
  }
  /// Items that the lane has issued before the call.
  std::int32_t before(std::size_t call, std::size_t lane) const {
    return issued_[call * before_.size() + lane];
  }
  /// Those that have ended once what the call waits for has; 0 and below: of the step before.
  std::int32_t until(std::size_t call, const CallWait& wait) const {
    const auto lane = static_cast<std::size_t>(wait.lane);
    const std::int64_t ended = schedule_.issued(call, lane) + wait.ended;
    if (ended <= 0) return items(lane, ended + schedule_.lengths[lane]) - before_[lane];
    return items(lane, ended);
  }

 private:
  std::int32_t items(std::size_t lane, std::int64_t ended) const {
    const auto calls = std::views::iota(std::size_t{0}, schedule_.calls.size());
    const std::size_t call = *(std::ranges::partition_point(
                                   calls, [&](std::size_t c) { return schedule_.issued(c, lane) < ended; }) -
                               1);
    const std::vector<Segment>& segments = schedule_.segments_of(call, lane);
    const auto found = std::ranges::lower_bound(segments, ended - schedule_.issued(call, lane), {},
                                                [](const Segment& s) { return s.first + s.count; });
    return before(call, lane) + static_cast<std::int32_t>(found - segments.begin()) + 1;
  }

  const StepSchedule& schedule_;
  std::vector<std::vector<Place>> orders_;  // by form
  std::map<std::tuple<program::TemplateId, std::size_t, std::int32_t, std::int32_t>, std::int32_t> numbers_;
  std::vector<std::int32_t> issued_;  // items, by call and lane
  std::vector<std::int32_t> before_;  // of the step, by lane
};

}  // namespace

ClassOutline outline_of(const program::Program& program, const StepSchedule& schedule) {
  ClassOutline result;
  result.outline.lanes = static_cast<std::int32_t>(program.lanes.size());
  Items items(schedule);
  std::vector<maxplus::Wait> waits;
  for (std::size_t c = 0; c < schedule.calls.size(); ++c) {
    for (const Items::Place& place : items.of_call(c, result.durations)) {
      const Segment& segment = schedule.segments_of(c, place.lane)[place.segment];
      waits.clear();
      for (const CallWait& wait : schedule.waits_of(segment))
        waits.push_back({wait.lane, items.until(c, wait)});
      result.outline.add({.lane = static_cast<std::int32_t>(place.lane),
                          .duration = place.duration,
                          .call = static_cast<std::int32_t>(c),
                          .channel = segment.channel},
                         waits);
      result.places.push_back(
          {place.lane, static_cast<std::size_t>(items.before(c, place.lane)) + place.segment});
    }
  }
  return result;
}

}  // namespace ds::engine
