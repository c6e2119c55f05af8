#include "simulator/program/channels.h"

#include <fmt/format.h>

#include <algorithm>

namespace ds::program {

std::optional<Channel> Channels::make(std::int32_t rank_class, Kind kind, const Comm& comm) const {
  const std::int32_t rank = program_.classes[static_cast<std::size_t>(rank_class)].first;
  const auto class_at = [&](std::int32_t other) {
    return static_cast<std::int32_t>(class_of(program_, other));
  };
  const std::vector<std::int32_t> members = program_.grid.members(comm.group, rank);
  if (std::ranges::find(members, rank) == members.end()) return std::nullopt;
  Channel channel{.group = comm.group, .classes = {}};
  if (kind == Kind::collective) {
    for (const std::int32_t member : members) channel.classes.push_back(class_at(member));
    std::ranges::sort(channel.classes);
    const auto twice = std::ranges::unique(channel.classes);
    channel.classes.erase(twice.begin(), twice.end());
    return channel;
  }
  const std::int32_t neighbour =
      program_.grid.neighbour(comm.group, rank, kind == Kind::send ? comm.shift : -comm.shift);
  channel.shift = comm.shift;
  channel.classes = {rank_class, class_at(neighbour)};
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
