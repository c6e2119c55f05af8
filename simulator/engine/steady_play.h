#pragma once
// Whether a step that is played has come to where it was a while ago, so many micro-batches further: then it goes on in the
// same way until the first rank leaves its steady state, and nobody has to play that.

#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include "simulator/engine/running.h"
#include "simulator/engine/step_schedule.h"

namespace ds::engine {

/// Where a lane of a player is.
struct LaneState {
  const Segment* segment{};  // the next one, or the one that it is busy with
  const Segment* of_call{};  // behind the call's last
  std::size_t call{0};       // of the step
  std::size_t next{0};       // the segment's place among those of the step
  std::int32_t step{0};
  std::int64_t ended{0};        // instructions, since the first step
  bool busy{false};             // the segment has begun, or is ready and waits for other classes
  bool meets{false};            // it waits for them
  std::int32_t wait{0};         // of the segment's waits, the first that is not known to be over
  std::size_t left{0};          // segments to play
  std::int32_t for_lane{-1};    // a wait that was not over when it was looked at: for so many instructions
  std::int64_t until_ended{0};  // of that lane
  Seconds begun;                // where it is busy
};

/// How far each lane moves on, and how often all may do so.
struct Skip {
  struct Lane {
    std::size_t calls{}, segments{};
    std::int64_t instructions{};
  };
  std::vector<std::vector<Lane>> lanes;  // by player
  Seconds period;
  std::int64_t times{};
  Seconds length() const { return period * static_cast<double>(times); }
};

class SteadyPlay {
 public:
  struct Player {
    const StepSchedule* schedule{};
    const std::vector<LaneState>* lanes{};
  };

  /// To be asked each time when one of the players is at the same place of a period. Something where all are where they were
  /// before.
  std::optional<Skip> look(const std::vector<Player>& players, const Running::Left& left, Seconds now);
  /// Forgets what it has seen.
  void forget() { seen_.clear(), looks_ = 0, next_kept_ = 1; }

 private:
  std::optional<Skip> compare(const std::vector<Player>& players, Seconds now) const;

  std::vector<std::vector<LaneState>> seen_;  // by player
  Running::Left left_;
  Seconds at_;
  std::int64_t looks_{0}, next_kept_{1};
};

}  // namespace ds::engine
