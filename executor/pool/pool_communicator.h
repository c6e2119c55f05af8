#pragma once
// A communicator over shared memory. Nothing is copied in between: ranks read each other's arenas, and an all-reduce
// writes into them. Sums go in rank order whoever does them, so all ranks and all runs get the same bits.
//
// A wait for one ticket carries on with everything of this communicator; who has tickets of several communicators open
// at a time polls them in turn.

#include <cstdint>

#include "executor/communicator.h"
#include "executor/pool/collective_line.h"
#include "executor/pool/group.h"
#include "executor/pool/message_line.h"
#include "executor/pool/pool.h"

namespace ds::executor {

class PoolCommunicator final : public HostCommunicator {
 public:
  /// `pool` outlives it. Goes on where the last communicator of this rank and channel ended; all of its exchanges had.
  PoolCommunicator(Pool& pool, CommunicatorSpec spec);
  PoolCommunicator(const PoolCommunicator&) = delete;
  PoolCommunicator& operator=(const PoolCommunicator&) = delete;

  Ticket start(const Exchange& exchange) override;
  bool poll(Ticket ticket) override;
  void wait(Ticket ticket) override;

  static constexpr std::int64_t kPollBytes =
      256 << 10;  // read and written in one poll: of collectives, and of messages

 private:
  bool has_ended(Ticket ticket) const;
  bool progress(std::int64_t budget);
  /// The rank that keeps it from ending.
  std::int32_t awaited(Ticket ticket) const;

  PoolGroup group_;
  std::int32_t me_;  // the rank
  Seconds deadline_;
  CollectiveLine collectives_;
  MessageLine messages_;
};

}  // namespace ds::executor
