#pragma once
// What one rank does for a collective by messages. The rounds of the pool (executor/pool/rounds.h) say whose memory each
// member reads and writes; here the same rounds are read as who has to send what to whom. So sums are of the same parts
// in the same order, and their bits are those of the pool.

#include <cstdint>
#include <vector>

#include "executor/communicator.h"

namespace ds::executor {

/// Elements from `first` of this rank's memory: of what the exchange gives as `from` or as `to`, or of a buffer beside it.
struct Location {
  enum class Where : std::uint8_t { from, to, aside };
  Where where{};
  std::int64_t first{};
  bool operator==(const Location&) const = default;
};

struct PeerMessage {
  std::int32_t peer{};  // index within the group
  Location place;
  std::int64_t elements{};
};

/// The sum of the sources, in the order of the list; one source: a copy.
struct Addition {
  std::vector<Location> sources;
  Location destination;
  std::int64_t elements{};
};

/// Messages, and what is added once all of them have arrived and left. Two ranks list those between them in one order.
struct MessageRound {
  std::vector<PeerMessage> sends, receives;
  std::vector<Addition> additions;
};

struct MessageRounds {
  std::vector<MessageRound> rounds;
  std::int64_t aside{};  // elements
};

MessageRounds message_rounds_of(const Exchange& exchange, std::int32_t ranks, std::int32_t me);

}  // namespace ds::executor
