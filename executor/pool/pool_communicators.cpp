// Makes the communicators that a rank's program asks for, over a pool.
#include "executor/pool/pool_communicators.h"

#include "executor/pool/pool_communicator.h"

namespace ds::executor {

PoolCommunicators::PoolCommunicators(Pool& pool, HostDevice& device, const program::Program& program,
                                     std::int32_t rank, Seconds deadline)
    : ChannelCommunicators(
          device, program, rank, deadline,
          [&](const CommunicatorSpec& spec) { return std::make_unique<PoolCommunicator>(pool, spec); }),
      pool_(pool),
      rank_(rank) {}

void PoolCommunicators::set_status(const StepPoint& point) {
  RankStatus status{
      .phase = RankPhase::training, .step = point.step, .call = point.call, .instruction = point.instruction};
  if (point.step < 0) status.phase = RankPhase::judging, status.step = pool_.status(rank_).step;
  pool_.set_status(rank_, status);
}

}  // namespace ds::executor
