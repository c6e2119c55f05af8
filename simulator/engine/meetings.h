#pragma once
// Who meets whom: a communication between classes begins when all of them are ready for it.

#include <cstdint>
#include <map>
#include <tuple>
#include <vector>

#include "simulator/engine/running.h"
#include "simulator/program/program.h"

namespace ds::engine {

class Meetings {
 public:
  explicit Meetings(const program::Program& program);

  /// A player's lane is ready for its communication. Returns the fronts of all who take part once the last is ready, else
  /// none. The k-th send of a group and shift meets the k-th receive, the k-th collective of a group its k-th elsewhere.
  std::vector<Front> arrive(Front front, const program::Instruction& instruction);

 private:
  /// Names a communicator by its kind of group and the first player in it; p2p by its direction and its sender.
  using Channel = std::tuple<std::uint8_t, std::uint8_t, std::int32_t, std::int32_t>;
  struct Party {
    Channel channel;
    std::int32_t size{};
  };
  Party party_of(std::int32_t player, const program::Instruction& instruction) const;

  const program::Program& program_;
  std::map<std::tuple<Channel, std::int32_t, program::Kind>, std::int64_t>
      counts_;  // by channel, player and kind
  std::map<std::pair<Channel, std::int64_t>, std::vector<Front>> waiting_;
};

}  // namespace ds::engine
