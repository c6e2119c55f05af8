#pragma once
// The collectives of a communicator over MPI, one after the other.

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "executor/communicator.h"
#include "executor/mpi/message_rounds.h"
#include "executor/mpi/world.h"

namespace ds::executor {

class CollectiveQueue {
 public:
  CollectiveQueue(World& world, std::span<std::byte> memory, const CommunicatorSpec& spec, std::int32_t tag)
      : world_(world), memory_(memory), spec_(spec), tag_(tag) {}

  /// Returns its number, from 1.
  std::uint64_t start(const Exchange& exchange);
  /// Adds at most `budget` bytes, read and written; returns whether anything came further.
  bool progress(std::int64_t budget);
  std::uint64_t ended() const { return ended_; }
  /// The member whose message the exchange at hand waits for, if it does.
  std::optional<std::int32_t> awaited() const;

 private:
  /// What to do for an exchange, whatever its addresses: kept, since each step does the same ones again.
  struct KnownMessageRounds {
    Exchange exchange;
    MessageRounds rounds;
  };
  const std::vector<MessageRound>& rounds_of_front();
  void take_up_next();
  void post(const MessageRound& round);
  bool messages_ended(bool& moved);
  bool add(const MessageRound& round, std::int64_t& budget, bool& moved);
  std::byte* address(const Location& place);
  std::span<std::byte> bytes_of(const PeerMessage& message);

  struct Pending {
    World::Request request;
    std::int32_t member;
  };

  World& world_;
  std::span<std::byte> memory_;
  const CommunicatorSpec& spec_;
  std::int32_t tag_;
  std::vector<std::unique_ptr<KnownMessageRounds>> known_;
  std::vector<std::byte> aside_;
  std::deque<Exchange> waiting_;  // the front one is at hand
  std::uint64_t started_{0}, ended_{0};

  // The exchange at hand.
  const std::vector<MessageRound>* rounds_{};
  std::size_t round_{}, addition_{};
  std::int64_t done_{};  // bytes of the addition
  bool posted_{false};
  std::deque<Pending> pending_;  // of the round
};

}  // namespace ds::executor
