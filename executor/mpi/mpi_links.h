#pragma once
// The communicators of a rank over MPI.

#include <span>

#include "executor/channel_links.h"
#include "executor/mpi/world.h"

namespace ds::executor {

class MpiLinks final : public ChannelLinks {
 public:
  /// `memory`: the rank's arena.
  MpiLinks(World& world, HostDevice& device, std::span<std::byte> memory, const program::Program& program,
           Seconds deadline);
};

}  // namespace ds::executor
