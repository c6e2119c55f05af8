#pragma once
// Changes to a lowered program, for tests that break it on purpose.

#include <algorithm>
#include <span>
#include <utility>
#include <vector>

#include "simulator/program/walk.h"

namespace ds::support {

/// The instructions of a block, to be changed in place. Stages of one kind share them.
inline std::span<program::Instruction> body_of(program::Program& program, const program::Block& block) {
  return std::span(program.instructions)
      .subspan(static_cast<std::size_t>(block.body.first), static_cast<std::size_t>(block.body.count));
}

/// Calls fn for every instruction of a template once.
template <class Fn>
void for_each(program::Program& program, const program::Template& body, Fn&& fn) {
  for (const program::Block& block : body.blocks)
    for (program::Instruction& i : body_of(program, block)) fn(i);
}

/// Replaces the instructions of each block by what fn makes of them: fn(std::vector<Instruction>&).
template <class Fn>
void edit(program::Program& program, program::Template& body, Fn&& fn) {
  std::vector<program::Block> blocks;
  for (program::Block block : body.blocks) {
    const std::span<program::Instruction> old = body_of(program, block);
    std::vector<program::Instruction> list(old.begin(), old.end());
    fn(list);
    if (list.empty()) continue;
    block.body = {static_cast<std::int32_t>(program.instructions.size()),
                  static_cast<std::int32_t>(list.size())};
    program.instructions.insert(program.instructions.end(), list.begin(), list.end());
    blocks.push_back(block);
  }
  body.blocks = std::move(blocks);
}

template <class Condition>
void erase_if(program::Program& program, program::Template& body, Condition condition) {
  edit(program, body, [&](std::vector<program::Instruction>& list) { std::erase_if(list, condition); });
}

/// A copy of a template whose instructions are its own, as the last of the program.
inline program::Template& copy_of(program::Program& program, const program::Template& body) {
  program::Template copy = body;
  edit(program, copy, [](std::vector<program::Instruction>&) {});
  program.templates.push_back(std::move(copy));
  return program.templates.back();
}

/// The most slots that any class has of a buffer.
inline std::int32_t slots_of(const program::Program& program, program::BufferId buffer) {
  std::int32_t most = 0;
  for (const program::RankClass& ranks : program.classes) {
    const auto b = static_cast<std::int32_t>(buffer) - ranks.buffers.first;
    if (b >= 0 && b < ranks.buffers.count) most = std::max(most, ranks.slots[static_cast<std::size_t>(b)]);
  }
  return most;
}

}  // namespace ds::support
