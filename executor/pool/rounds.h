#pragma once
// What one rank does for a collective over shared memory. In a round it waits until those whose memory it touches are
// ready, works its pieces off, and may go on once those who touch its memory are done. There is no barrier.

#include <cstdint>
#include <vector>

#include "executor/communicator.h"
#include "simulator/collective/collective.h"

namespace ds::executor {

/// Elements from `first` of what a member (index within the group) posted as `from` or as `to`.
struct MemoryPart {
  enum class Side : std::uint8_t { from, to };
  std::int32_t member{};
  Side side{};
  std::int64_t first{};
};

/// The sum of the sources, in the order of the list, to every destination; one source: a copy.
struct Piece {
  std::vector<MemoryPart> sources, destinations;
  std::int64_t elements{};
};

struct Round {
  std::vector<std::int32_t>
      before;  // members that must have entered this round before the pieces can be worked off
  std::vector<std::int32_t> after;  // members that must have worked this round off before it is over here
  std::vector<Piece> pieces;
};

struct Extent {
  std::int64_t first{}, count{};  // elements
};

/// MemoryPart `index` of `elements`, cut into `parts` at cache lines where they do not divide; late parts may be empty.
Extent cut(std::int64_t elements, std::int32_t parts, std::int32_t index, DataType type);

/// Everyone with everyone at once: all_reduce sums this rank's share of all buffers and writes it to all of them.
std::vector<Round> direct_rounds(const Exchange& exchange, std::int32_t ranks, std::int32_t me);

/// Any algorithm of the catalogue: the receiver of a transfer copies or adds it. reduce_scatter spoils `from`, and shift
/// needs `from` and `to` apart.
std::vector<Round> step_rounds(const Exchange& exchange, const collective::Steps& steps, std::int32_t me);

/// What member `me` does for the exchange, by the algorithm that it asks for.
std::vector<Round> rounds_of_member(const Exchange& exchange, std::int32_t ranks, std::int32_t me);

}  // namespace ds::executor
