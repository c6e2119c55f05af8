#pragma once
// The collectives of a communicator, one after the other.

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <vector>

#include "executor/pool/group.h"
#include "executor/pool/rounds.h"

namespace ds::executor {

class CollectiveLine {
 public:
  explicit CollectiveLine(const PoolGroup& group);

  /// Returns its number, from 1.
  std::uint64_t start(const Exchange& exchange);
  /// Moves at most `budget` bytes, read and written; returns whether anything came further.
  bool progress(std::int64_t budget);
  std::uint64_t ended() const { return ended_; }
  /// The member that keeps the exchange at hand from going on, if one does.
  std::optional<std::int32_t> awaited() const { return awaited_; }

 private:
  /// What to do for an exchange, whatever its addresses: kept, since each step does the same ones again.
  struct KnownRounds {
    Exchange exchange;
    std::vector<Round> rounds;
  };
  const std::vector<Round>& rounds_of(const Exchange& exchange);
  void enter(std::size_t round);
  void take_up_next();
  /// Looks up where the pieces of the round lie. All whose memory is touched have posted.
  void find_memory(const Round& round);
  bool work(std::int64_t& budget);
  bool reached(const std::vector<std::int32_t>& members,
               std::atomic<std::uint64_t> shared::CollectiveBlock::* counter, std::uint64_t value);
  std::uint64_t stamp(std::size_t round) const {
    return ((ended_ + 1) << shared::CollectiveBlock::kStepBits) + round;
  }
  shared::CollectiveBlock& own() const { return group_.endpoint(group_.me()).collective; }
  const Exchange& posted(std::int32_t member) const {
    return group_.endpoint(member).collective.post.exchange;
  }

  const PoolGroup& group_;
  std::vector<std::unique_ptr<KnownRounds>> known_;
  std::deque<Exchange> waiting_;  // the front one is at hand
  std::uint64_t started_{0}, ended_{0};
  std::optional<std::int32_t> awaited_;

  // The exchange at hand.
  enum class State : std::uint8_t { idle, entered, working, pulled };
  State state_{State::idle};
  const std::vector<Round>* rounds_{};
  std::size_t round_{}, piece_{};
  std::int64_t done_{};  // bytes of the piece
  struct Addresses {
    std::vector<const std::byte*> sources;
    std::vector<std::byte*> destinations;
  };
  std::vector<Addresses> memory_;  // of the round's pieces
};

}  // namespace ds::executor
