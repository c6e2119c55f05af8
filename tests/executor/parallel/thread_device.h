#pragma once
// A device whose queues really run beside each other and beside the host: a thread a queue, and no call but `synchronize`
// waits. What runs on it as on one core waits wherever it has to.

#include <atomic>
#include <condition_variable>
#include <deque>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

#include "executor/communicator.h"
#include "executor/device/device.h"

namespace ds::support {

/// Which queues are held up: before each command they let everything else that can run do so.
enum class Slow : std::uint8_t { none, compute, others };

class ThreadDevice final : public executor::HostDevice {
 public:
  /// Memory that outlives it.
  ThreadDevice(std::byte* base, Bytes size, Slow slow) : base_(base), size_(size), slow_(slow) {}
  ~ThreadDevice() override;
  ThreadDevice(const ThreadDevice&) = delete;
  ThreadDevice& operator=(const ThreadDevice&) = delete;

  Bytes memory() const override { return size_; }
  void use_only(std::span<const executor::MemoryRange> /*ranges*/) override {}
  void write(Bytes to, std::span<const std::byte> from) override;
  void read(Bytes from, std::span<std::byte> to) override;
  void launch(executor::QueueId queue, kernels::Run kernel, const ops::Op& op,
              std::span<const Bytes> operands) override;
  void announce(executor::QueueId queue, executor::StatusListener& listener,
                const executor::StepPoint& point) override;
  void exchange(executor::QueueId queue, executor::HostCommunicator& communicator,
                const executor::Exchange& exchange) override;
  executor::Event record(executor::QueueId queue) override;
  void wait(executor::QueueId queue, executor::Event event) override;
  bool completed(executor::Event event) const override;
  void synchronize(executor::Event event) override;
  executor::Instant time_of(executor::Event event) const override;
  void recycle_events() override;

 private:
  using Command = std::function<void()>;
  struct Queue {
    std::deque<Command> commands;
    std::jthread thread;
  };
  void add(executor::QueueId queue, Command command);
  void work(Queue& queue, bool slow);
  /// Until the event has completed, or nothing will any more. With the lock held.
  void await(std::unique_lock<std::mutex>& lock, executor::Event event);

  std::byte* base_;
  Bytes size_;
  Slow slow_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::unique_ptr<Queue>> queues_;  // by QueueId
  std::vector<std::optional<executor::Instant>> events_;
  std::exception_ptr failure_;
  std::atomic<bool> over_{false};  // ended or failed: nothing goes on
  std::mutex communicators_;       // serve one thread at a time
};

}  // namespace ds::support
