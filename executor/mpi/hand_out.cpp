// Sends the briefing from rank 0 to all others.
#include "executor/mpi/hand_out.h"

#include <sched.h>

namespace ds::executor {
namespace {

// Channels have the lower ones, and results the highest.
constexpr std::int32_t kBriefingTag = 32766;

void await(World& world, World::Request request) {
  while (!world.ended(request)) ::sched_yield();
}

}  // namespace

Briefing hand_out(World& world, const Briefing& briefing) {
  std::vector<std::byte> bytes;
  if (world.rank() == 0) bytes = encode(briefing);
  bytes.resize(world.words_of_late(bytes.size()).front());
  if (world.rank() == 0)
    for (std::int32_t r = 1; r < world.ranks(); ++r) await(world, world.send(r, kBriefingTag, bytes));
  else
    await(world, world.receive(0, kBriefingTag, bytes));
  return decode_briefing(bytes);
}

}  // namespace ds::executor
