#pragma once
// What is under way, and what ends next: communications, which take the time they take or share links, and ranks that
// compute, whose speed depends on the cores.

#include <compare>
#include <cstdint>
#include <queue>
#include <span>
#include <utility>
#include <vector>

#include "simulator/base/units.h"
#include "simulator/engine/engine.h"
#include "simulator/engine/links.h"
#include "simulator/network/moving.h"

namespace ds::engine {

/// The front of a lane of a player.
struct Front {
  std::int32_t player{}, lane{};
  auto operator<=>(const Front&) const = default;
};

/// Whether ranks slow each other down when all compute. Where they do not, none ever does. `members`: the ranks that each
/// player stands for.
bool slows_down(const std::vector<std::int32_t>& members, Cores cores);

class Running {
 public:
  Running(const std::vector<std::int32_t>& members, Cores cores, const std::vector<double>& links);

  /// A player's ranks have a core each to compute on, out of all `cores`.
  void compute(Front front, Seconds alone);
  /// Ends for all fronts at once: after the time it takes alone, and not before its flows have moved their bytes.
  void communicate(std::span<const Front> fronts, Seconds alone,
                   std::span<const RankLinks::Flow* const> flows);
  bool empty() const { return under_way_ == 0; }
  /// Goes on to the next end, which is the new `now`. Returns the fronts that end, in the order in which they began.
  const std::vector<Front>& next();
  Seconds now() const { return now_; }

  /// Flows under way, each with one of its fronts and the time that it would take from now on if nothing changed; sorted.
  using Left = std::vector<std::pair<Front, Seconds>>;
  Left flows_left();

 private:
  struct End {
    Seconds at;
    std::int64_t order;  // of begin: what ends at one time ends in the order in which it began
    std::int32_t exchange;
    friend bool operator>(const End& a, const End& b) {
      return a.at != b.at ? a.at > b.at : a.order > b.order;
    }
  };
  struct Exchange {
    std::vector<Front> fronts;
    std::int32_t open{};  // its flows under way, and its time alone
  };
  void begin(std::span<const Front> fronts, Seconds alone, std::int32_t parts);
  void end_part(std::int32_t number);
  void advance_flows();

  network::Moving cores_, links_;
  double next_flow_;  // when the next of `links_` ends
  std::vector<std::int32_t> members_;
  std::vector<Front> computing_fronts_;  // by player
  std::vector<Exchange> exchanges_;
  std::vector<std::int32_t> free_;  // of exchanges_
  std::priority_queue<End, std::vector<End>, std::greater<>> ends_;
  bool crowded_;
  std::int64_t begun_{0}, computing_{0}, under_way_{0};
  std::vector<std::int32_t> early_;  // exchanges of which flows ended before their time, by rounding
  std::vector<Front> ended_;         // at `now`
  Seconds now_;
};

}  // namespace ds::engine
