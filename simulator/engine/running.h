#pragma once
// What is under way, and what ends next: communications that take the time they take, and ranks that compute, whose speed
// a fair-share solver says.

#include <cstdint>
#include <queue>
#include <vector>

#include "simulator/base/units.h"
#include "simulator/engine/engine.h"
#include "simulator/network/moving.h"

namespace ds::engine {

/// The front of a lane of a player.
struct Front {
  std::int32_t player{}, lane{};
};

class Running {
 public:
  /// `members`: ranks that each player stands for. A player's ranks have a core each to compute on, out of `cores`.
  Running(const std::vector<std::int32_t>& members, Cores cores);

  void compute(Front front, Seconds alone);
  void communicate(Front front, Seconds end);
  bool empty() const { return ends_.empty() && computing_ == 0 && ended_.empty(); }
  /// Goes on to the next end, which is the new `now`.
  Front next();
  Seconds now() const { return now_; }

 private:
  struct End {
    Seconds at;
    std::int64_t order;  // of begin: what ends at one time ends in the order in which it began
    Front front;
    friend bool operator>(const End& a, const End& b) {
      return a.at != b.at ? a.at > b.at : a.order > b.order;
    }
  };

  network::Moving moving_;
  std::vector<std::int32_t> members_;
  std::vector<Front> computing_fronts_;  // by player
  std::priority_queue<End, std::vector<End>, std::greater<>> ends_;
  bool crowded_;
  std::int64_t begun_{0}, computing_{0};
  std::vector<Front> ended_;  // at `now`, not told yet
  Seconds now_;
};

}  // namespace ds::engine
