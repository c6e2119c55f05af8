// Finds the channels that a program talks over, and the communicator of an instruction.
#include "executor/channel_communicators.h"

#include <algorithm>

#include "simulator/base/error.h"
#include "simulator/program/rows.h"

namespace ds::executor {
namespace {

using program::Kind;

Channel channel_of(Kind kind, const program::Comm& comm) {
  return {comm.group, kind == Kind::collective ? 0 : std::int32_t{comm.shift}};
}

}  // namespace

std::vector<Channel> channels_of(const program::Program& program) {
  std::vector<Channel> channels;
  for (const program::Instruction& instruction : program.instructions) {
    if (!program::communicates(instruction.kind)) continue;
    const Channel channel = channel_of(instruction.kind, instruction.comm);
    if (std::ranges::find(channels, channel) == channels.end()) channels.push_back(channel);
  }
  return channels;
}

ChannelCommunicators::ChannelCommunicators(HostDevice& device, const program::Program& program,
                                           std::int32_t rank, Seconds deadline, const Make& make)
    : device_(device), channels_(channels_of(program)) {
  for (std::size_t c = 0; c < channels_.size(); ++c) {
    const std::vector<std::int32_t> ranks = program.grid.members(channels_[c].group, rank);
    const auto me = std::ranges::find(ranks, rank);
    communicators_.push_back(nullptr);
    if (me == ranks.end()) continue;
    communicators_.back() = make({.ranks = ranks,
                                  .me = static_cast<std::int32_t>(me - ranks.begin()),
                                  .channel = static_cast<std::int32_t>(c),
                                  .shift = channels_[c].shift == 0 ? 1 : channels_[c].shift,
                                  .deadline = deadline});
  }
}

void ChannelCommunicators::issue(const program::Instruction& instruction, const Exchange& exchange,
                                 QueueId queue) {
  device_.exchange(queue, of(instruction), exchange);
}

HostCommunicator& ChannelCommunicators::of(const program::Instruction& instruction) const {
  const auto found = std::ranges::find(channels_, channel_of(instruction.kind, instruction.comm));
  ensure(found != channels_.end(), "a communication has a channel");
  HostCommunicator* const communicator =
      communicators_[static_cast<std::size_t>(found - channels_.begin())].get();
  ensure(communicator != nullptr, "a rank communicates in its own groups alone");
  return *communicator;
}

}  // namespace ds::executor
