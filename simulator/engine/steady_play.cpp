// Compares where lanes are with where they were.
#include "simulator/engine/steady_play.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace ds::engine {
namespace {

/// Of the time since the play began: what adding up that many seconds has rounded.
constexpr double kRounding = 1e-14;

bool is_near(double a, double b, Seconds now) { return std::abs(a - b) <= kRounding * now.value; }

/// Without its place in the step.
bool do_alike(const LaneState& a, const LaneState& b) {
  return a.segment == b.segment && a.step == b.step && a.busy == b.busy && a.meets == b.meets;
}

/// Whether a lane that has not moved can't do so by itself.
bool rests(const LaneState& before, const LaneState& lane) {
  if (lane.left == 0) return true;
  return lane.busy ? lane.meets && lane.begun == before.begun : lane.for_lane >= 0;
}

/// How far the lanes of a player have moved, all by as many calls; nothing where it is not in a steady state.
class OfPlayer {
 public:
  OfPlayer(const StepSchedule& schedule, const std::vector<LaneState>& before,
           const std::vector<LaneState>& lanes)
      : steady_(schedule.steady), before_(before), lanes_(lanes), calls_(lanes[0].call - before[0].call) {}

  bool moved(Seconds since, Seconds now, Skip& skip) const {
    if (steady_.period == 0 || calls_ == 0 || calls_ % static_cast<std::size_t>(steady_.period) != 0)
      return false;
    std::vector<Skip::Lane>& list = skip.lanes.emplace_back(lanes_.size());
    for (std::size_t l = 0; l < lanes_.size(); ++l) {
      const LaneState &a = before_[l], &b = lanes_[l];
      if (!do_alike(a, b)) return false;
      if (a.call == b.call) {
        if (!rests(a, b)) return false;
        continue;
      }
      const std::int64_t left = steady_.end - 1 - static_cast<std::int64_t>(b.call);
      if (b.call - a.call != calls_ || static_cast<std::int64_t>(a.call) < steady_.begin) return false;
      if (b.busy && !is_near((now - b.begun).value, (since - a.begun).value, now)) return false;
      skip.times = std::min(skip.times, left / static_cast<std::int64_t>(calls_));
      list[l] = {calls_, b.next - a.next, b.ended - a.ended};
    }
    // One that rests until others have come so far is not passed over.
    for (std::size_t l = 0; l < lanes_.size(); ++l) {
      const LaneState& lane = lanes_[l];
      if (list[l].calls > 0 || lane.busy || lane.left == 0) continue;
      const auto other = static_cast<std::size_t>(lane.for_lane);
      if (list[other].instructions > 0)
        skip.times =
            std::min(skip.times, (lane.until_ended - lanes_[other].ended - 1) / list[other].instructions);
    }
    return true;
  }

 private:
  const SteadyCalls& steady_;
  const std::vector<LaneState>&before_, &lanes_;
  std::size_t calls_;
};

}  // namespace

std::optional<Skip> SteadyPlay::look(const std::vector<Player>& players, const Running::Left& left,
                                     Seconds now) {
  if (!seen_.empty()) {
    const bool same = std::ranges::equal(left, left_, [&](const auto& a, const auto& b) {
      return a.first == b.first && is_near(a.second.value, b.second.value, now);
    });
    std::optional<Skip> skip = same ? compare(players, now) : std::nullopt;
    if (skip) return skip;
  }
  // What is compared with is kept for twice as long each time, so that a state of any length is found.
  if (++looks_ < next_kept_) return std::nullopt;
  next_kept_ *= 2;
  seen_.clear();
  for (const Player& player : players) seen_.push_back(*player.lanes);
  left_ = left;
  at_ = now;
  return std::nullopt;
}

std::optional<Skip> SteadyPlay::compare(const std::vector<Player>& players, Seconds now) const {
  Skip skip{.lanes = {}, .period = now - at_, .times = std::numeric_limits<std::int64_t>::max()};
  for (std::size_t p = 0; p < players.size(); ++p)
    if (!OfPlayer(*players[p].schedule, seen_[p], *players[p].lanes).moved(at_, now, skip))
      return std::nullopt;
  return skip.times > 0 ? std::optional(std::move(skip)) : std::nullopt;
}

}  // namespace ds::engine
