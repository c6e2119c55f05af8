#pragma once
// The communicators of a rank over a pool: one for each kind of group, and for each direction of messages.

#include <memory>
#include <vector>

#include "executor/interpreter.h"
#include "executor/pool/pool_communicator.h"
#include "simulator/program/program.h"

namespace ds::executor {

/// A kind of communicator that a program uses. Groups of one kind have no rank in common, so each kind has one channel of
/// the pool.
struct Channel {
  program::Group group;
  std::int32_t shift{};  // 0: collectives
  bool operator==(const Channel&) const = default;
};

/// Those of a program, in the order in which it names them: the same on every rank.
std::vector<Channel> channels_of(const program::Program& program);

class PoolLinks final : public Links {
 public:
  /// `pool` outlives it and has as many channels as `channels_of(program)`.
  PoolLinks(Pool& pool, const program::Program& program, std::int32_t rank, Seconds deadline = {60});

  Communicator& of(program::Kind kind, const program::Comm& comm) override;
  void note(const program::Row& row) override;

 private:
  Pool& pool_;
  std::int32_t rank_;
  std::vector<Channel> channels_;
  std::vector<std::unique_ptr<PoolCommunicator>>
      communicators_;  // by channel; null where the rank is in no such group
};

}  // namespace ds::executor
