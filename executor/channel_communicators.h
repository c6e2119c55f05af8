#pragma once
// The communicators of a rank where the host does the work: one for each kind of group, and for each direction of messages.
// What they talk over is up to who makes them (pool/pool_communicators.h, mpi/mpi_communicators.h).

#include <functional>
#include <memory>
#include <vector>

#include "executor/communicator.h"
#include "executor/interpreter.h"
#include "simulator/program/program.h"

namespace ds::executor {

/// A kind of communicator that a program uses. Groups of one kind have no rank in common, so each kind has one channel.
struct Channel {
  program::Group group;
  std::int32_t shift{};  // 0: collectives
  bool operator==(const Channel&) const = default;
};

/// Those of a program, in the order in which it names them: the same on every rank.
std::vector<Channel> channels_of(const program::Program& program);

class ChannelCommunicators : public Communicators {
 public:
  using Make = std::function<std::unique_ptr<HostCommunicator>(const CommunicatorSpec& spec)>;
  /// `device`, whose queues the exchanges are issued to, outlives it.
  ChannelCommunicators(HostDevice& device, const program::Program& program, std::int32_t rank,
                       Seconds deadline, const Make& make);

  void issue(const program::Instruction& instruction, const Exchange& exchange, QueueId queue) override;

 private:
  HostCommunicator& of(const program::Instruction& instruction) const;

  HostDevice& device_;
  std::vector<Channel> channels_;
  std::vector<std::unique_ptr<HostCommunicator>>
      communicators_;  // by channel; null: the rank is in no such group
};

}  // namespace ds::executor
