#pragma once
// Who meets whom: a communication between classes begins when all of them are ready for it. The k-th send of a group and
// shift meets the k-th receive, the k-th collective of a group its k-th elsewhere.

#include <cstdint>
#include <map>
#include <tuple>
#include <vector>

#include "simulator/program/program.h"

namespace ds::engine {

inline constexpr std::int32_t kNoChannel = -1;

/// Numbers the communicators that reach over several classes.
class Parties {
 public:
  explicit Parties(const program::Program& program) : program_(program) {}

  /// The channel of a class's communication; kNoChannel where all who take part are of this class.
  std::int32_t channel_of(std::size_t rank_class, const program::Instruction& instruction);
  /// How many classes meet there.
  const std::vector<std::int32_t>& sizes() const { return sizes_; }

 private:
  /// By the kind of group and the first class in it; point-to-point by its shift and its sender.
  using Key = std::tuple<std::uint8_t, program::Members, std::int32_t, std::size_t>;
  std::int32_t number_of(const Key& key, std::int32_t size);

  const program::Program& program_;
  std::map<Key, std::int32_t> numbers_;
  /// Channels of collectives that were asked for, by class and group.
  std::map<std::tuple<std::size_t, std::uint8_t, program::Members>, std::int32_t> collectives_;
  std::vector<std::int32_t> sizes_;
};

}  // namespace ds::engine
