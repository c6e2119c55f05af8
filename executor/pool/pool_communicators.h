#pragma once
// The communicators of a rank over a pool.

#include "executor/channel_communicators.h"
#include "executor/pool/pool.h"

namespace ds::executor {

class PoolCommunicators final : public ChannelCommunicators {
 public:
  /// `pool` outlives it and has as many channels as `channels_of(program)`.
  PoolCommunicators(Pool& pool, HostDevice& device, const program::Program& program, std::int32_t rank,
                    Seconds deadline = {60});

  void set_status(const StepPoint& point) override;

 private:
  Pool& pool_;
  std::int32_t rank_;
};

}  // namespace ds::executor
