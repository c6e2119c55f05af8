// Lanes as queues of events: who has ended is asked of the device alone.
#include "executor/lane_events.h"

#include <algorithm>

namespace ds::executor {

void LaneEvents::update(OpenEvents& lane) {
  for (; !lane.open.empty() && device_.completed(lane.open.front()); ++lane.ended) lane.open.pop_front();
}

std::optional<Event> LaneEvents::awaited(const program::Position& position) {
  OpenEvents& lane = lanes_[static_cast<std::size_t>(position.lane)];
  update(lane);
  if (lane.ended >= position.ended) return std::nullopt;
  return lane.open[static_cast<std::size_t>(position.ended - lane.ended - 1)];
}

void LaneEvents::follow(std::size_t lane, std::size_t open) {
  OpenEvents& followed = lanes_[lane];
  if (followed.open.size() <= open) return;
  device_.synchronize(followed.open[followed.open.size() - open - 1]);
  update(followed);
}

void LaneEvents::follow_all() {
  for (std::size_t lane = 0; lane < lanes_.size(); ++lane) follow(lane, 0);
}

bool LaneEvents::idle() {
  return std::ranges::all_of(lanes_, [&](OpenEvents& lane) {
    update(lane);
    return lane.open.empty();
  });
}

}  // namespace ds::executor
