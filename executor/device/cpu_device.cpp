#include "executor/device/cpu_device.h"

#include <array>
#include <cstring>

#include "simulator/base/error.h"

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>
#endif

namespace ds::executor {

CpuDevice::~CpuDevice() {
#if defined(__SANITIZE_ADDRESS__)
  ASAN_UNPOISON_MEMORY_REGION(base_, static_cast<std::size_t>(size_.value));
#endif
}

void CpuDevice::use_only([[maybe_unused]] std::span<const Range> ranges) {
#if defined(__SANITIZE_ADDRESS__)
  ASAN_POISON_MEMORY_REGION(base_, static_cast<std::size_t>(size_.value));
  for (const Range& range : ranges)
    ASAN_UNPOISON_MEMORY_REGION(base_ + range.begin.value, static_cast<std::size_t>(range.size.value));
#endif
}

void CpuDevice::write(Bytes to, std::span<const std::byte> from) {
  ensure(to.value >= 0 && to.value + std::ssize(from) <= size_.value, "the host writes inside the arena");
  std::memcpy(base_ + to.value, from.data(), from.size());
}

void CpuDevice::read(Bytes from, std::span<std::byte> to) {
  ensure(from.value >= 0 && from.value + std::ssize(to) <= size_.value, "the host reads inside the arena");
  std::memcpy(to.data(), base_ + from.value, to.size());
}

void CpuDevice::launch(QueueId /*queue*/, kernels::Run kernel, const ops::Op& op,
                       std::span<const Bytes> operands) {
  std::array<void*, ops::kMaxOperands> addresses{};
  for (std::size_t i = 0; i < operands.size(); ++i) addresses[i] = base_ + operands[i].value;
  kernel(op, std::span(addresses).first(operands.size()), queue_);
}

Event CpuDevice::record(QueueId /*queue*/) {
  events_.push_back(now());
  return static_cast<Event>(events_.size() - 1);
}

}  // namespace ds::executor
