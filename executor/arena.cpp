// Maps a rank's memory and touches its pages.
#include "executor/arena.h"

#include <fmt/format.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "simulator/base/error.h"
#include "simulator/base/short_memory.h"
#include "simulator/memory/memory.h"

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
    throw MachineError(fmt::format("not enough memory: a rank's arena of {} bytes: {}{}", mapped_,
                                   std::strerror(errno), address_space_note()));
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
  std::byte* start = base_ - reinterpret_cast<std::uintptr_t>(base_) % page;
  ::munmap(start, mapped_);
}

}  // namespace ds::executor
