#include "simulator/engine/parties.h"

#include <set>

namespace ds::engine {

using program::Kind;

std::int32_t Parties::number_of(const Key& key, std::int32_t size) {
  const auto [found, is_new] = numbers_.try_emplace(key, static_cast<std::int32_t>(sizes_.size()));
  if (is_new) sizes_.push_back(size);
  return found->second;
}

std::int32_t Parties::channel_of(std::size_t rank_class, const program::Instruction& instruction) {
  const program::Comm& comm = instruction.comm;
  const std::int32_t rank = program::rank_at(program_, program_.classes[rank_class].first);
  const auto key = [&](std::int32_t shift, std::size_t first) {
    return Key{comm.group.axes, comm.group.members, shift, first};
  };
  if (instruction.kind == Kind::send) return number_of(key(comm.shift, rank_class), 2);
  if (instruction.kind == Kind::receive) {
    const std::int32_t sender = program::shifted(program_, rank, -comm.shift);
    return number_of(key(comm.shift, program::class_of(program_, sender)), 2);
  }
  if (instruction.kind != Kind::collective) return kNoChannel;
  const auto [known, is_new] =
      collectives_.try_emplace({rank_class, comm.group.axes, comm.group.members}, kNoChannel);
  if (!is_new) return known->second;
  // Where ranks of one stage are of one class, those of them that take part tell nothing new.
  program::Group group = comm.group;
  if (std::ssize(program_.classes) < program::ranks_of(program_))
    group.axes &= static_cast<std::uint8_t>(program::Axis::pp);
  std::set<std::size_t> classes;
  for (const std::int32_t member : program::members_of(program_, group, rank))
    classes.insert(program::class_of(program_, member));
  if (classes.size() > 1)
    known->second = number_of(key(0, *classes.begin()), static_cast<std::int32_t>(classes.size()));
  return known->second;
}

}  // namespace ds::engine
