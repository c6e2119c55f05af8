// From the times of points back to those of items.
#include <algorithm>

#include "simulator/maxplus/sync_graph.h"
#include "simulator/maxplus/window.h"

namespace ds::maxplus {

std::vector<ItemTime> times_of_items(const Outline& outline, const SyncGraph& graph, std::int32_t cut,
                                     std::span<const double> durations, std::span<const double> ends,
                                     std::span<const double> before) {
  const Window window(outline, cut);
  std::vector<std::int32_t> point(outline.items.size(), kNone);
  for (std::size_t p = 0; p < graph.points.size(); ++p)
    point[static_cast<std::size_t>(graph.points[p].item)] = static_cast<std::int32_t>(p);
  const auto of_point = [&](std::span<const double> list, std::int32_t item) {
    const std::int32_t p = point[static_cast<std::size_t>(item)];
    return list.empty() ? 0 : list[static_cast<std::size_t>(p)];
  };
  std::vector<ItemTime> times(outline.items.size());
  for (std::int32_t v = 0; v < window.size; ++v) {
    const auto i = static_cast<std::size_t>(window.item(v));
    const Item& item = outline.items[i];
    double ready = 0;
    for (const Predecessor& one : window.predecessors(v)) {
      if (cut == kNone)
        ready = std::max(ready, one.step_before ? of_point(before, one.item)
                                                : times[static_cast<std::size_t>(one.item)].end);
      else if (window.place(v, one) == Window::From::inside)
        ready = std::max(ready, times[static_cast<std::size_t>(one.item)].end);
    }
    const double own = item.duration == kNone ? 0 : durations[static_cast<std::size_t>(item.duration)];
    const double end = item.channel == kNone ? ready + own : of_point(ends, window.item(v));
    times[i] = {std::min(ready, end), end};  // points add up in another order
  }
  return times;
}

}  // namespace ds::maxplus
