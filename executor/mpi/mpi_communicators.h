#pragma once
// The communicators of a rank over MPI.

#include <span>

#include "executor/channel_communicators.h"
#include "executor/mpi/world.h"

namespace ds::executor {

class MpiCommunicators final : public ChannelCommunicators {
 public:
  /// `memory`: the rank's arena.
  MpiCommunicators(World& world, HostDevice& device, std::span<std::byte> memory,
                   const program::Program& program, Seconds deadline);
};

}  // namespace ds::executor
