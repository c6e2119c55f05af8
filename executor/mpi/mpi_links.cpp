#include "executor/mpi/mpi_links.h"

#include "executor/mpi/mpi_communicator.h"

namespace ds::executor {

MpiLinks::MpiLinks(World& world, HostDevice& device, std::span<std::byte> memory,
                   const program::Program& program, Seconds deadline)
    : ChannelLinks(device, program, world.rank(), deadline, [&](const GroupSeat& seat) {
        return std::make_unique<MpiCommunicator>(world, memory, seat);
      }) {}

}  // namespace ds::executor
