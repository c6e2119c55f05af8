#include "simulator/engine/meetings.h"

#include <algorithm>
#include <set>

namespace ds::engine {

using program::Kind;

Meetings::Meetings(const program::Program& program) : program_(program) {}

Meetings::Party Meetings::party_of(std::int32_t player, const program::Instruction& instruction) const {
  const program::Comm& comm = instruction.comm;
  const auto& ranks = program_.classes[static_cast<std::size_t>(player)];
  const std::int32_t rank = program::rank_at(program_, ranks.first);
  const auto channel = [&](std::int32_t shift, std::int32_t first) {
    return Channel{comm.group.axes, static_cast<std::uint8_t>(comm.group.members), shift, first};
  };
  const auto player_of = [&](std::int32_t other) {
    return static_cast<std::int32_t>(program::class_of(program_, other));
  };
  if (instruction.kind == Kind::send) return {channel(comm.shift, player), 2};
  if (instruction.kind == Kind::receive)
    return {channel(comm.shift, player_of(program::shifted(program_, rank, -comm.shift))), 2};
  std::set<std::int32_t> players;
  for (const std::int32_t member : program::members_of(program_, comm.group, rank))
    players.insert(player_of(member));
  return {channel(0, *players.begin()), static_cast<std::int32_t>(players.size())};
}

std::vector<Front> Meetings::arrive(Front front, const program::Instruction& instruction) {
  const Party party = party_of(front.player, instruction);
  if (party.size == 1) return {front};
  const std::int64_t number = counts_[{party.channel, front.player, instruction.kind}]++;
  std::vector<Front>& here = waiting_[{party.channel, number}];
  here.push_back(front);
  if (std::ssize(here) < party.size) return {};
  std::vector<Front> all = std::move(here);
  waiting_.erase({party.channel, number});
  std::ranges::sort(all, {}, &Front::player);
  return all;
}

}  // namespace ds::engine
