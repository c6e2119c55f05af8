// Offsets of uses, slots and views in a rank's memory.
#include "executor/binding.h"

#include <algorithm>

#include "simulator/base/error.h"

namespace ds::executor {

Binding::Binding(const program::Program& program, const memory::Layout& layout, std::int32_t data_rank,
                 Device& device)
    : program_(program), data_rank_(data_rank), slots_(program.buffers.size()) {
  for (std::size_t b = 0; b < program.buffers.size(); ++b) {
    const program::Buffer& buffer = program.buffers[b];
    const std::vector<Bytes>& offsets = layout.offsets[b];
    for (std::int32_t s = 0; s < buffer.slots && !offsets.empty(); ++s) {
      // A block of slots has one offset; other buffers have one per slot.
      const Bytes at =
          offsets.size() == 1 ? offsets[0] + buffer.size.bound * s : offsets[static_cast<std::size_t>(s)];
      slots_[b].push_back(at);
      highest_ = std::max(highest_, at + buffer.size.bound);
    }
  }
  highest_ = {round_up(highest_.value, memory::kAlignment)};
  ensure(highest_ <= device.memory(), "every buffer lies inside the arena");
  device.use_only(ranges());
}

Bytes Binding::offset(const program::Use& use, const program::Call& call) const {
  const program::View& view = program_.view(use.view);
  const std::vector<Bytes>& slots = slots_[program::index(view.buffer)];
  const std::int32_t number = use.instance == program::kAllSlots
                                  ? 0
                                  : program::slot_of(use, call, static_cast<std::int32_t>(slots.size()));
  return slots[static_cast<std::size_t>(number)] + view.offset + view.by_data_rank * data_rank_;
}

Bytes Binding::slot(program::BufferId buffer, std::int32_t slot) const {
  return slots_[program::index(buffer)][static_cast<std::size_t>(slot)];
}

Bytes Binding::offset(program::ViewId view) const {
  const program::View& v = program_.view(view);
  return slot(v.buffer) + v.offset + v.by_data_rank * data_rank_;
}

std::vector<MemoryRange> Binding::ranges() const {
  std::vector<MemoryRange> ranges;
  for (std::size_t b = 0; b < slots_.size(); ++b)
    for (const Bytes at : slots_[b]) ranges.push_back({at, program_.buffers[b].size.bound});
  return ranges;
}

}  // namespace ds::executor
