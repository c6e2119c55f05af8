// Offsets of a rank's buffers, and of what its views mean.
#include "executor/binding.h"

#include <algorithm>

#include "simulator/base/error.h"

namespace ds::executor {

Binding::Binding(const program::Program& program, const memory::Layout& layout, std::int32_t rank,
                 Device& device)
    : program_(program),
      instances_(program, program.classes[program::class_of(program, rank)]),
      offsets_(instances_.count()) {
  for (const program::View& view : program.views)
    inside_.push_back(view.shard_stride.value == 0
                          ? view.offset
                          : view.offset + view.shard_stride * program.grid.index(view.shard_group, rank));
  const program::RankClass& ranks = program.classes[program::class_of(program, rank)];
  std::vector<MemoryRange> ranges;
  for (std::int32_t b = ranks.buffers.first; b < ranks.buffers.first + ranks.buffers.count; ++b) {
    const auto id = static_cast<program::BufferId>(b);
    const program::Buffer& buffer = program.buffer(id);
    const std::vector<Bytes>& of_buffer = layout.offsets[static_cast<std::size_t>(b - ranks.buffers.first)];
    const std::int32_t slots = instances_.slots(id);
    // Slots of life `step` are one block with one offset; others have one each.
    const bool block = buffer.life == program::Life::step;
    for (std::int32_t copy = 0; copy < buffer.copies; ++copy)
      for (std::int32_t s = 0; s < slots; ++s) {
        const Bytes at = block ? of_buffer[static_cast<std::size_t>(copy)] + buffer.size.bound * s
                               : of_buffer[static_cast<std::size_t>(copy * slots + s)];
        offsets_[instances_.first({id, copy}) + static_cast<std::size_t>(s)] = at;
        highest_ = std::max(highest_, at + buffer.size.bound);
        ranges.push_back({at, buffer.size.bound});
      }
  }
  highest_ = {round_up(highest_.value, memory::kAlignment)};
  ensure(highest_ <= device.memory(), "every buffer lies inside the arena");
  device.use_only(ranges);
}

Bytes Binding::offset(const program::Use& use, std::int32_t iteration, const program::Call& call) const {
  const program::View& view = program_.view(use.view);
  const program::Copy copy = program::locate(program_, view, iteration);
  const std::int32_t slot =
      use.instance == program::kAllSlots ? 0 : program::slot_of(use, call, instances_.slots(copy.buffer));
  return slot_at(copy, slot) + inside_[program::index(use.view)];
}

Bytes Binding::slot_at(const program::Copy& copy, std::int32_t slot) const {
  return offsets_[instances_.first(copy) + static_cast<std::size_t>(slot)];
}

Bytes Binding::offset(program::ViewId view, std::int32_t copy) const {
  return slot_at(program::locate(program_, program_.view(view), copy), 0) + inside_[program::index(view)];
}

}  // namespace ds::executor
