#pragma once
// The ranks that mpirun or srun has started, and all that we ask of MPI: messages between two of them, and a word of each
// for all. Sums are our own affair (message_rounds.h). mpi.h stays behind this header, which a build without MPI has as well.
//
//   World world;                                             // joins
//   const World::Request sent = world.send(1, tag, bytes);
//   while (!world.ended(sent)) ...
//   world.leave();                                           // all ranks meet a last time
//
// All calls from the thread that made it, one World a process. A call that fails throws MachineError, which names the call,
// MPI's own words and the rank.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "simulator/base/units.h"

namespace ds::executor {

class World {
 public:
  /// Whether this program was built with MPI. If not, everything else throws.
  static bool built_in();

  /// MPI counts in `int`: a message goes out in parts of at most that many bytes.
  explicit World(Bytes largest_part = {1 << 30});
  ~World();
  World(const World&) = delete;
  World& operator=(const World&) = delete;

  std::int32_t rank() const;
  std::int32_t ranks() const;
  /// All ranks run on one host, and so share a clock.
  bool one_host() const;

  /// A message on its way. The memory is left alone until it has ended. Two ranks' messages of one tag arrive in the order
  /// in which they were sent.
  enum class Request : std::uint32_t {};
  Request send(std::int32_t to, std::int32_t tag, std::span<const std::byte> message);
  Request receive(std::int32_t from, std::int32_t tag, std::span<std::byte> message);
  /// Once it has returned true the request is gone. Throws where a message of another length came.
  bool ended(Request request);

  /// Every rank's word, by rank. All ranks call it, in the same order. Throws MachineError where not all have come within
  /// the deadline.
  std::vector<std::uint64_t> words(std::uint64_t mine, Seconds deadline);
  /// The same for ranks that may be late for a good reason: takes no processor time while it waits, and waits for ever.
  /// Who dies meanwhile is for the launcher to notice.
  std::vector<std::uint64_t> words_of_late(std::uint64_t mine);

  /// For a rank that waits: throws MachineError once a rank on this host was stopped and does not go on (peer_watch.h). `words`
  /// and `words_of_late` call it themselves.
  void look_at_peers();

  /// Ends every rank with that status, also those that wait.
  [[noreturn]] void end_all(int status);
  /// All ranks call it once they have nothing more to say to each other.
  void leave();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace ds::executor
