#include "executor/pool/pool_links.h"

#include "executor/pool/pool_communicator.h"

namespace ds::executor {

PoolLinks::PoolLinks(Pool& pool, const program::Program& program, std::int32_t rank, Seconds deadline)
    : ChannelLinks(program, rank, deadline,
                   [&](const GroupSeat& seat) { return std::make_unique<PoolCommunicator>(pool, seat); }),
      pool_(pool),
      rank_(rank) {}

void PoolLinks::note(const program::Row& row) {
  Doing doing{.stage = Stage::training, .step = row.step, .call = row.call, .instruction = row.instruction};
  if (row.step < 0) doing.stage = Stage::judging, doing.step = pool_.doing(rank_).step;
  pool_.note(rank_, doing);
}

}  // namespace ds::executor
