#pragma once
// How far the lanes of a rank have come, by the events of its device: what follows after the interpreter has issued.

#include <cstdint>
#include <deque>
#include <optional>
#include <vector>

#include "executor/device/device.h"
#include "simulator/program/scoreboard.h"

namespace ds::executor {

/// Every instruction has an event at its end; those of a lane complete in the order in which they were issued.
class LaneEvents {
 public:
  LaneEvents(Device& device, std::size_t lanes) : device_(device), lanes_(lanes) {}

  /// The number, from 1, of the instruction that is issued next to a lane.
  std::int64_t next(std::size_t lane) const { return lanes_[lane].issued() + 1; }
  void issued(std::size_t lane, Event end) { lanes_[lane].open.push_back(end); }

  /// The event that completes when a lane reaches the position; none where it has.
  std::optional<Event> awaited(const program::Position& position);

  /// The host waits until of a lane's instructions at most so many have not ended.
  void follow(std::size_t lane, std::size_t open);
  /// The host waits until all lanes are idle.
  void follow_all();
  /// Everything that was issued has ended.
  bool idle();

 private:
  struct OpenEvents {
    std::int64_t ended{0};
    std::deque<Event> open;  // ends of the instructions after these
    std::int64_t issued() const { return ended + static_cast<std::int64_t>(open.size()); }
  };
  void update(OpenEvents& lane);

  Device& device_;
  std::vector<OpenEvents> lanes_;
};

}  // namespace ds::executor
