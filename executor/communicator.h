#pragma once
// How ranks talk where the host does the work: started, polled, waited for. One communicator serves a group of ranks, and
// for point-to-point one direction. Ranks of a group start the same exchanges in the same order; the k-th of one meets the
// k-th of the others.
//
//   const Ticket t = communicator.start({.what = ExchangeKind::collective, ...});
//   while (!communicator.poll(t)) compute_a_tile();
//
// An exchange has ended when its memory may be touched again by anyone: a send when the receiver has its copy, a
// collective when no peer uses this rank's memory any more. Memory is an offset in the rank's own arena.

#include <cstdint>
#include <vector>

#include "simulator/base/data_type.h"
#include "simulator/base/units.h"
#include "simulator/collective/collective.h"
#include "simulator/ops/ops.h"

namespace ds::executor {

enum class ExchangeKind : std::uint8_t { send, receive, collective };

struct Exchange {
  ExchangeKind what{};
  collective::Collective collective{};
  collective::Algorithm algorithm{};
  DataType type{};
  ops::HeadExchange heads;  // of an all_to_all
  bool adds{false};         // reduce_scatter, by direct: the finished sum is added to what is at `to`
  /// Of the whole: what a rank ends with (all_gather), starts with (reduce_scatter, all_reduce), or the message.
  std::int64_t elements{};
  /// reduce_scatter reads the whole at `from` and leaves this rank's chunk at `to`; all_gather reads this rank's chunk at
  /// `from` and leaves the whole at `to`. In place is where the chunk lies at its place inside the whole. By another
  /// algorithm than direct, reduce_scatter spoils what it reads. shift needs `from` and `to` apart, and
  /// so does all_to_all, which sends the r-th chunk of `from` to rank r, or what `heads` says.
  Bytes from, to;
};

enum class Ticket : std::uint64_t {};

class HostCommunicator {
 public:
  virtual ~HostCommunicator() = default;
  virtual Ticket start(const Exchange& exchange) = 0;
  /// Does a bounded piece of work for everything that was started here; true once the exchange has ended. Tickets end in
  /// the order in which they began, sends, receives and collectives each for themselves. Throws as `wait` does.
  virtual bool poll(Ticket ticket) = 0;
  /// Polls until the end, and nothing but this communicator. Throws MachineError when a peer has died or the deadline
  /// has passed, naming the peer.
  virtual void wait(Ticket ticket) = 0;
};

/// A rank's place in a group, for a communicator over it.
struct CommunicatorSpec {
  std::vector<std::int32_t> ranks;  // of the group, in its order, which is also the order of sums
  std::int32_t me{};                // index within the group
  std::int32_t channel{};           // this group's, or shared with groups that have no rank in common with it
  std::int32_t shift{1};            // messages go to the member that many places further, around the end
  /// How long a peer may stay without any sign of progress.
  Seconds deadline{60};
};

}  // namespace ds::executor
