#include "executor/arena.h"

#include <fmt/format.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "simulator/base/error.h"

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>
#endif

namespace ds::executor {
namespace {

std::size_t page_size() { return static_cast<std::size_t>(::sysconf(_SC_PAGESIZE)); }

}  // namespace

Arena::Arena(Bytes size) : size_(size) {
  const std::size_t page = page_size();
  const auto usable = static_cast<std::size_t>(
      round_up(std::max<std::int64_t>(size.value, 1), static_cast<std::int64_t>(page)));
  mapped_ = usable + page;
  void* memory =
      ::mmap(nullptr, mapped_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (memory == MAP_FAILED)
    throw MachineError(
        fmt::format("{} bytes of memory for a rank are not to be had: {}", mapped_, std::strerror(errno)));
  // Ends flush with the guard page, so that one byte too far is caught; the start stays aligned.
  auto* bytes = static_cast<std::byte*>(memory);
  if (::mprotect(bytes + usable, page, PROT_NONE) != 0)
    throw MachineError(fmt::format("a guard page cannot be set: {}", std::strerror(errno)));
  const std::int64_t slack =
      (static_cast<std::int64_t>(usable) - size.value) / memory::kAlignment * memory::kAlignment;
  base_ = bytes + slack;
  for (std::size_t at = 0; at < usable; at += page) bytes[at] = std::byte{0};
}

Arena::~Arena() {
  const std::size_t page = page_size();
  auto* start = reinterpret_cast<std::byte*>(reinterpret_cast<std::uintptr_t>(base_) / page * page);
#if defined(__SANITIZE_ADDRESS__)
  ASAN_UNPOISON_MEMORY_REGION(start, mapped_ - page);
#endif
  ::munmap(start, mapped_);
}

Binding::Binding(const program::Program& program, const memory::Layout& layout, const Arena& arena)
    : program_(program), slots_(program.buffers.size()) {
  for (std::size_t b = 0; b < program.buffers.size(); ++b) {
    const program::Buffer& buffer = program.buffers[b];
    const std::vector<Bytes>& offsets = layout.offsets[b];
    for (std::int32_t s = 0; s < buffer.slots && !offsets.empty(); ++s) {
      // A block of slots has one offset; other buffers have one per slot.
      const Bytes at =
          offsets.size() == 1 ? offsets[0] + buffer.size.bound * s : offsets[static_cast<std::size_t>(s)];
      slots_[b].push_back(arena.base() + at.value);
      highest_ = std::max(highest_, at + buffer.size.bound);
    }
  }
  highest_ = {round_up(highest_.value, memory::kAlignment)};
  ensure(highest_ <= arena.size(), "every buffer lies inside the arena");
  poison_gaps(arena);
}

void* Binding::address(const program::Use& use, const program::Call& call) const {
  const program::View& view = program_.view(use.view);
  const std::vector<std::byte*>& slots = slots_[program::index(view.buffer)];
  const std::int32_t slot_number = use.instance == program::kAllSlots
                                       ? 0
                                       : program::slot_of(use, call, static_cast<std::int32_t>(slots.size()));
  return slots[static_cast<std::size_t>(slot_number)] + view.offset.value;
}

std::byte* Binding::slot(program::BufferId buffer, std::int32_t slot_number) const {
  return slots_[program::index(buffer)][static_cast<std::size_t>(slot_number)];
}

void Binding::poison_gaps([[maybe_unused]] const Arena& arena) const {
#if defined(__SANITIZE_ADDRESS__)
  ASAN_POISON_MEMORY_REGION(arena.base(), static_cast<std::size_t>(arena.size().value));
  for (std::size_t b = 0; b < slots_.size(); ++b)
    for (std::byte* slot : slots_[b])
      ASAN_UNPOISON_MEMORY_REGION(slot, static_cast<std::size_t>(program_.buffers[b].size.bound.value));
#endif
}

}  // namespace ds::executor
