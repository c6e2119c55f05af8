// Advances flows until all have ended.
#include "simulator/network/flow_times.h"

#include <algorithm>
#include <limits>
#include <numeric>

#include "simulator/network/moving.h"

namespace ds::network {

std::vector<double> finish_times(std::span<const double> capacities, std::span<const TimedFlow> flows) {
  std::vector<std::int32_t> order(flows.size());
  std::iota(order.begin(), order.end(), 0);
  std::ranges::stable_sort(order, {}, [&](std::int32_t i) { return flows[i].start_s; });
  std::vector<double> end(flows.size());
  Moving moving(capacities);
  constexpr double kNever = std::numeric_limits<double>::infinity();
  for (std::size_t next = 0;;) {
    const double start = next < order.size() ? flows[order[next]].start_s : kNever;
    const double to = std::min(start, moving.next_end());
    if (to == kNever) return end;
    for (const std::int32_t ended : moving.advance(to)) end[ended] = to;
    for (; next < order.size() && flows[order[next]].start_s <= to; ++next) {
      const TimedFlow& flow = flows[order[next]];
      if (flow.bytes > 0)
        moving.begin(order[next], flow.links, flow.bytes, flow.weight);
      else
        end[order[next]] = to;
    }
  }
}

}  // namespace ds::network
