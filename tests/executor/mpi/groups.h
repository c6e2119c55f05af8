#pragma once
// Communicators over all ranks of the world, with memory of their own.

#include <numeric>
#include <vector>

#include "executor/arena.h"
#include "executor/mpi/mpi_communicator.h"

namespace ds::executor {

inline CommunicatorSpec spec_of_all(const World& world, Seconds deadline = {60}) {
  std::vector<std::int32_t> ranks(static_cast<std::size_t>(world.ranks()));
  std::iota(ranks.begin(), ranks.end(), 0);
  return {.ranks = std::move(ranks), .me = world.rank(), .deadline = deadline};
}

/// Messages go to the next rank, around the end.
struct Ring {
  Ring(World& world, std::int64_t bytes, Seconds deadline = {60})
      : arena({bytes}), communicator(world, memory(), spec_of_all(world, deadline)) {}
  std::span<std::byte> memory() const { return {arena.base(), static_cast<std::size_t>(arena.size().value)}; }
  float* values(Bytes at) const { return reinterpret_cast<float*>(arena.base() + at.value); }

  Arena arena;
  MpiCommunicator communicator;
};

}  // namespace ds::executor
