#include "executor/pool/pool_links.h"

#include "executor/pool/pool_communicator.h"

namespace ds::executor {

PoolLinks::PoolLinks(Pool& pool, HostDevice& device, const program::Program& program, std::int32_t rank,
                     Seconds deadline)
    : ChannelLinks(device, program, rank, deadline,
                   [&](const GroupSeat& seat) { return std::make_unique<PoolCommunicator>(pool, seat); }),
      pool_(pool),
      rank_(rank) {}

void PoolLinks::set_status(const StepPoint& point) {
  Doing doing{
      .stage = Stage::training, .step = point.step, .call = point.call, .instruction = point.instruction};
  if (point.step < 0) doing.stage = Stage::judging, doing.step = pool_.doing(rank_).step;
  pool_.note(rank_, doing);
}

}  // namespace ds::executor
