#pragma once
// One core, which works off all queues itself while the host waits for an event: the compute queue in order, and between
// two of its events whatever the other queues hold. HostExchange moves while somebody polls it; the core does.

#include <array>
#include <deque>
#include <optional>
#include <variant>
#include <vector>

#include "executor/communicator.h"
#include "executor/device/device.h"
#include "simulator/base/error.h"

namespace ds::executor {

class CpuDevice final : public HostDevice {
 public:
  /// `base`: memory that outlives the device: an Arena's, or a rank's part of a pool.
  CpuDevice(std::byte* base, Bytes size) : base_(base), size_(size), queues_(1) {}
  ~CpuDevice() override;
  CpuDevice(const CpuDevice&) = delete;
  CpuDevice& operator=(const CpuDevice&) = delete;

  Bytes memory() const override { return size_; }
  void use_only(std::span<const MemoryRange> ranges) override;
  void write(Bytes to, std::span<const std::byte> from) override;
  void read(Bytes from, std::span<std::byte> to) override;
  void launch(QueueId queue, kernels::Run kernel, const ops::Op& op,
              std::span<const Bytes> operands) override;
  void announce(QueueId queue, StatusListener& listener, const StepPoint& point) override;
  void exchange(QueueId queue, HostCommunicator& communicator, const Exchange& exchange) override;
  Event record(QueueId queue) override;
  void wait(QueueId queue, Event event) override;
  bool completed(Event event) const override { return moment(event).has_value(); }
  void synchronize(Event event) override;
  Instant time_of(Event event) const override {
    const std::optional<Instant> came = moment(event);
    ensure(came.has_value(), "an event has come before its time is asked for");
    return *came;
  }
  void recycle_events() override { events_.clear(); }

 private:
  struct KernelLaunch {
    kernels::Run kernel;
    const ops::Op* op;
    std::array<void*, ops::kMaxOperands> addresses;
    std::size_t count;
  };
  struct Announcement {
    StatusListener* listener;
    StepPoint point;
  };
  struct HostExchange {
    HostCommunicator* communicator;
    Exchange exchange;
    std::optional<Ticket> ticket;  // once started
    Ticket start() {
      if (!ticket) ticket = communicator->start(exchange);
      return *ticket;
    }
  };
  struct RecordEvent {
    Event event;
  };
  struct AwaitEvent {
    Event event;
  };
  using Command = std::variant<KernelLaunch, Announcement, HostExchange, RecordEvent, AwaitEvent>;
  struct CommandQueue {
    std::deque<Command> commands;
    std::size_t communications{0};  // among them
  };

  CommandQueue& queue_of(QueueId queue);
  const std::optional<Instant>& moment(Event event) const { return events_[static_cast<std::size_t>(event)]; }
  /// Whether the command has ended; that of a communication which does not end in one look has not.
  bool run(Command& command);
  /// Runs the compute queue up to its next event. False where it holds nothing or has to wait for another queue.
  bool compute();
  /// Gives every queue but the compute queue the chance to go on.
  void progress();
  void finish(HostExchange& communication);
  bool others_have_work() const;

  std::byte* base_;
  Bytes size_;
  kernels::Queue kernel_queue_;
  std::vector<CommandQueue> queues_;  // by QueueId
  std::vector<std::optional<Instant>> events_;
};

}  // namespace ds::executor
