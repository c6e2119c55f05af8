#pragma once
// How a program is read: iteration by iteration through the blocks of a template, use by use through an instruction, and from
// a view to the copy and the slot that it means.
//
//   for_each_instruction(program, body, [&](InstructionId id, std::int32_t iteration) { ... });
//   for_each_use(program, instruction, [&](const Use& use) { locate(program, program.view(use.view), iteration); });

#include <cstdint>
#include <string>
#include <vector>

#include "simulator/program/program.h"

namespace ds::program {

/// A copy of a buffer.
struct Copy {
  BufferId buffer{};
  std::int32_t number{};
};

/// What a view means in an iteration. It is there: the checker has seen to that.
inline Copy locate(const Program& program, const View& view, std::int32_t iteration) {
  Copy copy{view.buffer, view.copy + iteration * view.step};
  if (view.ring > 0) {
    copy.number %= view.ring;
    return copy;
  }
  while (program.buffer(copy.buffer).goes_on && copy.number >= program.buffer(copy.buffer).copies) {
    copy.number -= program.buffer(copy.buffer).copies;
    copy.buffer = static_cast<BufferId>(index(copy.buffer) + 1);
  }
  return copy;
}

/// The slot that a use means in a call.
constexpr std::int32_t slot_of(const Use& use, const Call& call, std::int32_t slots) {
  if (use.instance >= 0) return use.instance;
  const std::int32_t micro = call.micro[use.instance == kMicro1 ? 1 : 0];
  return micro < 0 ? 0 : micro % slots;
}

/// Slots of each copy of a buffer of that class.
inline std::int32_t slots_of(const RankClass& ranks, BufferId buffer) {
  return ranks.slots[index(buffer) - static_cast<std::size_t>(ranks.buffers.first)];
}

/// The buffers of a class as instances: every slot of every copy has a number. Slots of a copy follow one another.
class Instances {
 public:
  Instances(const Program& program, const RankClass& ranks);

  std::size_t count() const { return first_.back(); }
  /// Slot 0 of a copy.
  std::size_t first(Copy copy) const {
    const std::size_t b = index(copy.buffer) - buffers_;
    return first_[b] + static_cast<std::size_t>(copy.number) * static_cast<std::size_t>(slots_[b]);
  }
  std::int32_t slots(BufferId buffer) const { return slots_[index(buffer) - buffers_]; }

 private:
  std::size_t buffers_;             // the first of the class
  std::vector<std::size_t> first_;  // by buffer of the class, and one more
  const std::vector<std::int32_t>& slots_;
};

/// Visits the uses of an instruction, those of its operators and its own: fn(const Use&).
template <class Fn>
void for_each_use(const Program& program, const Instruction& instruction, Fn&& fn) {
  for (const Operator& op : program.operators_of(instruction))
    for (const Use& use : program.uses_of(op)) fn(use);
  for (const Use& use : program.uses_of(instruction)) fn(use);
}

/// Visits the instructions of a template as they are issued: fn(InstructionId, iteration).
template <class Fn>
void for_each_instruction(const Template& body, Fn&& fn) {
  for (const Block& block : body.blocks)
    for (std::int32_t k = block.first; k < block.first + block.times; ++k)
      for (std::int32_t i = block.body.first; i < block.body.first + block.body.count; ++i)
        fn(static_cast<InstructionId>(i), k);
}

/// Visits every instruction of a template once, however often its block comes: fn(InstructionId, times).
template <class Fn>
void for_each_distinct(const Template& body, Fn&& fn) {
  for (const Block& block : body.blocks)
    for (std::int32_t i = block.body.first; i < block.body.first + block.body.count; ++i)
      fn(static_cast<InstructionId>(i), block.times);
}

/// Instructions that a template issues.
std::int32_t length_of(const Template& body);

/// The `position`-th instruction that a template issues, from 0.
struct Issued {
  InstructionId id{};
  std::int32_t iteration{};
};
Issued issued_at(const Template& body, std::int32_t position);

/// Templates that a class calls, each once, in the order of their first call.
std::vector<TemplateId> templates_of(const Program& program, const RankClass& ranks);

/// The calls of a step that does not overflow, in order: the step that is predicted.
std::vector<Call> healthy_calls(const RankClass& ranks);

/// The logical name of a copy: "layers.3.attention.qkv.weight".
std::string name_of(const RankClass& ranks, const TrainedTensor& tensor, std::int32_t copy);

/// Visits all tensors of a class, layer by layer: fn(const TrainedTensor&, copy, name).
template <class Fn>
void for_each_tensor(const Program& program, const RankClass& ranks, Fn&& fn) {
  const std::span<const TrainedTensor> tensors = program.tensors_of(ranks);
  for (std::size_t first = 0; first < tensors.size();) {
    std::size_t end = first + 1;  // tensors of the same layers
    while (end < tensors.size() && tensors[first].copies > 1 &&
           tensors[end].copies == tensors[first].copies && tensors[end].chunk == tensors[first].chunk &&
           tensors[end].layer == tensors[first].layer)
      ++end;
    for (std::int32_t copy = 0; copy < tensors[first].copies; ++copy)
      for (std::size_t t = first; t < end; ++t) fn(tensors[t], copy, name_of(ranks, tensors[t], copy));
    first = end;
  }
}

}  // namespace ds::program
