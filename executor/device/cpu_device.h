#pragma once
// One core: a kernel has ended when its launch returns, so an event comes when it is recorded.

#include "executor/device/device.h"

namespace ds::executor {

class CpuDevice final : public Device {
 public:
  /// `base`: memory that outlives the device: an Arena's, or a rank's part of a pool.
  CpuDevice(std::byte* base, Bytes size) : base_(base), size_(size) {}
  ~CpuDevice() override;
  CpuDevice(const CpuDevice&) = delete;
  CpuDevice& operator=(const CpuDevice&) = delete;

  Bytes memory() const override { return size_; }
  void use_only(std::span<const Range> ranges) override;
  void write(Bytes to, std::span<const std::byte> from) override;
  void read(Bytes from, std::span<std::byte> to) override;
  void launch(QueueId queue, kernels::Run kernel, const ops::Op& op,
              std::span<const Bytes> operands) override;
  Event record(QueueId queue) override;
  void wait(QueueId /*queue*/, Event /*event*/) override {}
  bool has_come(Event /*event*/) const override { return true; }
  Instant time_of(Event event) const override { return events_[static_cast<std::size_t>(event)]; }
  void forget_events() override { events_.clear(); }

  /// Called by kernels between tiles, so that communication can progress while the core computes.
  void set_poll(void (*poll)(void*), void* context) { queue_.poll = poll, queue_.context = context; }

 private:
  std::byte* base_;
  Bytes size_;
  kernels::Queue queue_;
  std::vector<Instant> events_;
};

}  // namespace ds::executor
