#include "simulator/program/channels.h"

#include <fmt/format.h>

#include <algorithm>

namespace ds::program {

std::int32_t Channels::class_at(std::int32_t rank) const {
  return static_cast<std::int32_t>(class_of(program_, rank));
}

/// Found once for all classes that have part in it: the group of all ranks has a million, and each of a thousand classes asks.
const std::vector<std::int32_t>& Channels::classes_of(const Group& group, std::int32_t rank) {
  const auto [known, is_new] = classes_.try_emplace({group, program_.grid.strides(group, rank).first});
  if (!is_new) return known->second;
  std::vector<bool> present(program_.classes.size());
  for (const std::int32_t member : program_.grid.members(group, rank))
    present[static_cast<std::size_t>(class_at(member))] = true;
  for (std::size_t c = 0; c < present.size(); ++c)
    if (present[c]) known->second.push_back(static_cast<std::int32_t>(c));
  return known->second;
}

std::optional<Channel> Channels::make(std::int32_t rank_class, Kind kind, const Comm& comm) {
  const std::int32_t rank = program_.classes[static_cast<std::size_t>(rank_class)].first;
  if (program_.grid.count(comm.group, rank) == 0) return std::nullopt;
  if (kind == Kind::collective) return Channel{.group = comm.group, .classes = classes_of(comm.group, rank)};
  const std::int32_t neighbour =
      program_.grid.neighbour(comm.group, rank, kind == Kind::send ? comm.shift : -comm.shift);
  Channel channel{.group = comm.group, .shift = comm.shift, .classes = {rank_class, class_at(neighbour)}};
  if (kind == Kind::receive) std::ranges::reverse(channel.classes);
  return channel;
}

std::optional<std::int32_t> Channels::of(std::int32_t rank_class, Kind kind, const Comm& comm) {
  const Asked asked{rank_class, kind, comm.group, comm.shift};
  const auto known = asked_.find(asked);
  if (known != asked_.end()) return known->second;
  std::optional<std::int32_t> number;
  if (std::optional<Channel> channel = make(rank_class, kind, comm)) {
    const Key key{channel->group, channel->shift, channel->classes};
    number = numbers_.try_emplace(key, count()).first->second;
    if (*number == count()) channels_.push_back(*std::move(channel));
  }
  asked_[asked] = number;
  return number;
}

std::string class_text(const Program& program, std::int32_t rank_class) {
  const Coordinates at = program.grid.at(program.classes[static_cast<std::size_t>(rank_class)].first);
  if (std::ssize(program.classes) == program.grid.size(Axis::pp))
    return fmt::format("ranks of stage {}", at.pp);
  return fmt::format("the rank at tp {} cp {} dp {} pp {}", at.tp, at.cp, at.dp, at.pp);
}

}  // namespace ds::program
