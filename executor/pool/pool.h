#pragma once
// The memory that the ranks of one host share: one anonymous file (memfd), mapped as a whole by every rank and by their
// supervisor. Each rank works in its own arena and reads its peers' directly; nothing of it has a name in the file
// system, and all of it is gone with the last process that maps it.
//
//   Pool pool = Pool::create({.arenas = {a, b}, .channels = 3});       // the supervisor, or a test
//   Pool mine = Pool::open(fd);                                        // a rank: the file came as an inherited descriptor
//   mine.touch(1);                                                     // each rank writes its own pages once
//   PoolCommunicator dp(mine, {.ranks = {0, 1}, .me = 1, .channel = 0});
//
// Ranks may be processes, or threads that share one Pool. All calls are safe between ranks; each rank's own from one
// thread at a time.

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "executor/pool/rank_status.h"
#include "simulator/base/units.h"

namespace ds::executor {

namespace shared {
struct Header;
struct Places;
struct RankBlock;
struct Endpoint;
}  // namespace shared

/// What one rank decides on for all.
enum class Question : std::uint8_t { what_to_measure, judge_after_stop };

struct PoolShape {
  std::vector<Bytes> arenas;  // one a rank
  /// One for each kind of group and direction; groups that have no rank in common may share one.
  std::int32_t channels{1};
  /// The most that a rank can deliver. Costs nothing until it is written.
  Bytes mailbox{256 << 20};
  /// What every rank is told before it begins.
  std::vector<std::byte> briefing;
};

class Pool {
 public:
  /// Throw MachineError when the memory is not to be had, or when the file is not a pool of this version.
  static Pool create(const PoolShape& shape);
  static Pool open(int descriptor);  // takes the descriptor over
  Pool(Pool&& other) noexcept;
  Pool& operator=(Pool&&) = delete;
  ~Pool();

  int descriptor() const { return descriptor_; }
  std::int32_t ranks() const;
  std::int32_t channels() const;
  /// More ranks than the creator had cores.
  bool crowded() const;

  std::span<const std::byte> briefing() const;
  /// Ends flush with a page that may not be touched; begins at a cache line, with such a page before it.
  std::span<std::byte> arena(std::int32_t rank) const;
  /// Writes every page of the arena once: first touch costs about 1 GB/s in a virtual machine, and would otherwise be
  /// paid inside the first steps.
  void touch(std::int32_t rank) const;

  /// The first death stays; every wait of every rank ends with it.
  void declare_dead(const Death& death);
  std::optional<Death> death() const;

  void set_status(std::int32_t rank, const RankStatus& status) const;
  RankStatus status(std::int32_t rank) const;

  /// All ranks stop after the same step: the highest that any had begun when the stop was asked for.
  void request_stop();
  /// A rank asks before every step, in rising order from 0; false: do not begin it.
  bool may_begin(std::int64_t step);

  /// What one rank tells while it runs, to whoever watches: eight words of the two's own meaning.
  using Record = std::array<std::uint64_t, 8>;
  void publish(const Record& record);
  /// Those since `seen`, which is moved on; of a reader that lagged far behind the oldest are lost.
  std::vector<Record> published(std::uint64_t& seen) const;

  /// A number from 0 that one rank decides on for all, for each of a few questions; the first stays.
  void decide(std::int64_t number, Question question = Question::what_to_measure);
  std::optional<std::int64_t> decision(Question question = Question::what_to_measure) const;

  /// A rank's result for its parent, whole and once. Throws MachineError when it is larger than the mailbox.
  void deliver(std::int32_t rank, std::span<const std::byte> result);
  std::span<const std::byte> delivered(std::int32_t rank) const;  // empty: nothing yet

  shared::RankBlock& block(std::int32_t rank) const;
  shared::Endpoint& endpoint(std::int32_t channel, std::int32_t rank) const;
  /// Wakes a rank that sleeps; call it after what it waits for was published.
  void ring(std::int32_t rank) const;

 private:
  Pool(int descriptor, std::size_t bytes);  // maps
  shared::Header& header() const;
  const shared::Places& places() const;
  template <class T>
  T* at(std::int64_t offset) const {
    return reinterpret_cast<T*>(base_ + offset);
  }
  void guard_arenas() const;

  int descriptor_{-1};
  std::byte* base_{};
  std::size_t bytes_{};
};

}  // namespace ds::executor
