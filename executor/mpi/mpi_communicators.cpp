// Makes the communicators that a rank's program asks for, over MPI.
#include "executor/mpi/mpi_communicators.h"

#include "executor/mpi/mpi_communicator.h"

namespace ds::executor {

MpiCommunicators::MpiCommunicators(World& world, HostDevice& device, std::span<std::byte> memory,
                                   const program::Program& program, Seconds deadline)
    : ChannelCommunicators(device, program, world.rank(), deadline, [&](const CommunicatorSpec& spec) {
        return std::make_unique<MpiCommunicator>(world, memory, spec);
      }) {}

}  // namespace ds::executor
