#pragma once
// Who meets whom, by class of ranks: every communication belongs to a channel, and the k-th of a channel meets the k-th.

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <tuple>
#include <vector>

#include "simulator/program/program.h"

namespace ds::program {

/// All collectives of a group, or all messages of a shift between two neighbours.
struct Channel {
  Group group;
  std::int32_t shift{0};              // 0: collectives
  std::vector<std::int32_t> classes;  // of a group all, in order; of messages the sender and the receiver
};

/// The channels between classes. A class is represented by its first rank: its other ranks do the same in their own groups.
class Channels {
 public:
  explicit Channels(const Program& program) : program_(program) {}

  /// The channel of a communication; nothing where the class is not in that group.
  std::optional<std::int32_t> of(std::int32_t rank_class, Kind kind, const Comm& comm);
  const Channel& operator[](std::int32_t channel) const {
    return channels_[static_cast<std::size_t>(channel)];
  }
  std::int32_t count() const { return static_cast<std::int32_t>(channels_.size()); }

 private:
  using Key = std::tuple<Group, std::int32_t, std::vector<std::int32_t>>;
  using Asked = std::tuple<std::int32_t, Kind, Group, std::int8_t>;
  std::int32_t class_at(std::int32_t rank) const;
  const std::vector<std::int32_t>& classes_of(const Group& group, std::int32_t rank);
  std::optional<Channel> make(std::int32_t rank_class, Kind kind, const Comm& comm);

  const Program& program_;
  std::vector<Channel> channels_;
  std::map<Key, std::int32_t> numbers_;
  std::map<Asked, std::optional<std::int32_t>> asked_;
  std::map<std::pair<Group, std::int32_t>, std::vector<std::int32_t>>
      classes_;  // by the lowest rank of the group
};

/// "ranks of stage 1": a class in the checker's sentences.
std::string class_text(const Program& program, std::int32_t rank_class);

/// The checker across classes: every send has its receive, members of a group see its collectives in one order, with the
/// same bytes. Then that no class waits for ever.
std::optional<std::string> check_meetings(const Program& program);
std::optional<std::string> check_progress(const Program& program);

}  // namespace ds::program
