#pragma once
// A communicator's ranks, as its parts see them: by index within the group.

#include <cstdint>
#include <utility>
#include <vector>

#include "executor/pool/pool.h"
#include "executor/pool/shared.h"
#include "simulator/base/error.h"

namespace ds::executor {

class PoolGroup {
 public:
  PoolGroup(Pool& pool, std::vector<std::int32_t> ranks, std::int32_t me, std::int32_t channel)
      : pool_(pool), ranks_(std::move(ranks)), me_(me), channel_(channel) {
    ensure(me >= 0 && me < size(), "a rank is a member of its group");
  }

  std::int32_t size() const { return static_cast<std::int32_t>(ranks_.size()); }
  std::int32_t me() const { return me_; }
  std::int32_t rank(std::int32_t member) const { return ranks_[static_cast<std::size_t>(member)]; }
  /// The member that many places further, around the end.
  std::int32_t next(std::int32_t places) const { return ((me_ + places) % size() + size()) % size(); }
  Pool& pool() const { return pool_; }
  shared::Endpoint& endpoint(std::int32_t member) const { return pool_.endpoint(channel_, rank(member)); }
  std::byte* memory(std::int32_t member, Bytes offset) const {
    return pool_.arena(rank(member)).data() + offset.value;
  }
  void ring_others() const {
    for (std::int32_t m = 0; m < size(); ++m)
      if (m != me_) pool_.ring(rank(m));
  }

 private:
  Pool& pool_;
  std::vector<std::int32_t> ranks_;
  std::int32_t me_, channel_;
};

/// Throws MachineError where two ranks do not do the same: without it they would read each other's memory wrongly.
void check_same(const PoolGroup& group, const Exchange& mine, std::int32_t member, const Exchange& theirs);

/// Bytes at `from` and at `to` that an exchange may touch on this rank.
struct Footprint {
  std::int64_t from{}, to{};
};
Footprint footprint(const Exchange& exchange, std::int32_t ranks);

/// Fails (ensure) where an exchange of member `me` is not one that communicators serve: outside of the rank's memory, a sum
/// of what cannot be added, unequal chunks, or `from` and `to` that overlap.
void check_sound(const Exchange& exchange, std::int32_t ranks, std::int32_t me, Bytes memory);

}  // namespace ds::executor
