// World where there is no MPI to build with.
#include "executor/mpi/world.h"
#include "simulator/base/error.h"

namespace ds::executor {
namespace {

[[noreturn]] void refuse() { throw MachineError("this program was built without MPI"); }

}  // namespace

struct World::State {};

bool World::built_in() { return false; }
World::World(Bytes /*largest_part*/) { refuse(); }
World::~World() = default;
std::int32_t World::rank() const { refuse(); }
std::int32_t World::ranks() const { refuse(); }
bool World::one_host() const { refuse(); }
World::Request World::send(std::int32_t /*to*/, std::int32_t /*tag*/,
                           std::span<const std::byte> /*message*/) {
  refuse();
}
World::Request World::receive(std::int32_t /*from*/, std::int32_t /*tag*/, std::span<std::byte> /*message*/) {
  refuse();
}
bool World::ended(Request /*request*/) { refuse(); }
std::vector<std::uint64_t> World::words(std::uint64_t /*mine*/, Seconds /*deadline*/) { refuse(); }
std::vector<std::uint64_t> World::words_of_late(std::uint64_t /*mine*/) { refuse(); }
void World::look_at_peers() { refuse(); }
void World::end_all(int /*status*/) { refuse(); }
void World::leave() { refuse(); }

}  // namespace ds::executor
