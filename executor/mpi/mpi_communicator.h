#pragma once
// A communicator over MPI: our own steps, sent as MPI's messages. MPI adds nothing up, so sums go in the order of the
// pool's and have its bits.
//
// MPI moves large messages only while a rank calls it. A rank that computes beside them polls.

#include <cstdint>
#include <deque>
#include <span>

#include "executor/communicator.h"
#include "executor/mpi/collective_queue.h"
#include "executor/mpi/world.h"

namespace ds::executor {

class MpiCommunicator final : public HostCommunicator {
 public:
  /// `world` and `memory`, the rank's arena, outlive it. One at a time for each channel.
  MpiCommunicator(World& world, std::span<std::byte> memory, CommunicatorSpec spec);
  MpiCommunicator(const MpiCommunicator&) = delete;
  MpiCommunicator& operator=(const MpiCommunicator&) = delete;

  Ticket start(const Exchange& exchange) override;
  bool poll(Ticket ticket) override;
  void wait(Ticket ticket) override;

 private:
  /// Messages of one direction, in order.
  struct OpenMessages {
    std::deque<World::Request> open;
    std::uint64_t started{0}, ended{0};
    void add(World::Request request) { open.push_back(request), ++started; }
    bool progress(World& world);
  };
  bool progress(std::int64_t budget);
  bool has_ended(Ticket ticket) const;
  std::int32_t rank_of(std::int32_t places) const;  // of the member that many places further
  std::int32_t awaited(Ticket ticket) const;
  /// After a look that found nothing. Throws once looks have found nothing for the whole deadline.
  void check_deadline(Ticket ticket);

  World& world_;
  std::span<std::byte> memory_;
  CommunicatorSpec spec_;
  std::int32_t message_tag_;
  CollectiveQueue collectives_;
  OpenMessages sends_, receives_;
  Seconds in_vain_{};
  std::int64_t last_look_ns_{};
};

}  // namespace ds::executor
