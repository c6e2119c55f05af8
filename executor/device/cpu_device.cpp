// The queues of one core, and its memory.
#include "executor/device/cpu_device.h"

#include <sched.h>

#include <algorithm>
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

void CpuDevice::use_only([[maybe_unused]] std::span<const MemoryRange> ranges) {
#if defined(__SANITIZE_ADDRESS__)
  ASAN_POISON_MEMORY_REGION(base_, static_cast<std::size_t>(size_.value));
  for (const MemoryRange& range : ranges)
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

CpuDevice::CommandQueue& CpuDevice::queue_of(QueueId queue) {
  const auto number = static_cast<std::size_t>(queue);
  if (number >= queues_.size()) queues_.resize(number + 1);
  return queues_[number];
}

void CpuDevice::launch(QueueId queue, kernels::Run kernel, const ops::Op& op,
                       std::span<const Bytes> operands) {
  KernelLaunch launch{.kernel = kernel, .op = &op, .addresses = {}, .count = operands.size()};
  for (std::size_t i = 0; i < operands.size(); ++i) launch.addresses[i] = base_ + operands[i].value;
  queue_of(queue).commands.emplace_back(launch);
}

void CpuDevice::announce(QueueId queue, StatusListener& listener, const StepPoint& point) {
  queue_of(queue).commands.emplace_back(Announcement{&listener, point});
}

void CpuDevice::exchange(QueueId queue, HostCommunicator& communicator, const Exchange& exchange) {
  CommandQueue& work = queue_of(queue);
  work.commands.emplace_back(HostExchange{&communicator, exchange, std::nullopt});
  ++work.communications;
}

Event CpuDevice::record(QueueId queue) {
  const auto event = static_cast<Event>(events_.size());
  events_.emplace_back();
  CommandQueue& work = queue_of(queue);
  if (work.commands.empty())  // there is nothing to come after
    events_.back() = now();
  else
    work.commands.emplace_back(RecordEvent{event});
  return event;
}

void CpuDevice::wait(QueueId queue, Event event) {
  if (!completed(event)) queue_of(queue).commands.emplace_back(AwaitEvent{event});
}

bool CpuDevice::run(Command& command) {
  struct RunCommand {
    CpuDevice& device;
    bool operator()(KernelLaunch& launch) const {
      launch.kernel(*launch.op, std::span(launch.addresses).first(launch.count), device.kernel_queue_);
      return true;
    }
    bool operator()(const Announcement& announcement) const {
      announcement.listener->set_status(announcement.point);
      return true;
    }
    bool operator()(HostExchange& communication) const {
      const Ticket ticket = communication.start();
      return communication.communicator->poll(ticket);
    }
    bool operator()(const RecordEvent& mark) const {
      device.events_[static_cast<std::size_t>(mark.event)] = now();
      return true;
    }
    bool operator()(const AwaitEvent& wait) const { return device.completed(wait.event); }
  };
  return std::visit(RunCommand{*this}, command);
}

void CpuDevice::synchronize(Event event) {
  while (!completed(event)) {
    progress();
    if (!completed(event) && !compute()) ::sched_yield();
  }
}

bool CpuDevice::compute() {
  CommandQueue& work = queue_of(kComputeQueue);
  while (!work.commands.empty()) {
    Command& front = work.commands.front();
    if (auto* communication = std::get_if<HostExchange>(&front)) {
      finish(*communication);
      --work.communications;
    } else if (!run(front)) {
      return false;
    }
    const bool event = std::holds_alternative<RecordEvent>(front);
    work.commands.pop_front();
    if (event) return true;
  }
  return false;
}

void CpuDevice::finish(HostExchange& communication) {
  const Ticket ticket = communication.start();
  // A wait may sleep, which it must not while another queue has work of its own to do.
  while (others_have_work() && !communication.communicator->poll(ticket)) {
    progress();
    ::sched_yield();
  }
  communication.communicator->wait(ticket);
}

/// A message that is on its way needs nothing more of its sender; one that waits behind it has to be sent off.
bool CpuDevice::others_have_work() const {
  return std::any_of(queues_.begin() + 1, queues_.end(), [](const CommandQueue& work) {
    if (work.commands.empty()) return false;
    const auto* front = std::get_if<HostExchange>(&work.commands.front());
    const bool on_its_way = front != nullptr && front->ticket && front->exchange.what == ExchangeKind::send;
    return work.communications > 1 || !on_its_way;
  });
}

void CpuDevice::progress() {
  for (std::size_t q = 1; q < queues_.size(); ++q) {
    CommandQueue& work = queues_[q];
    while (!work.commands.empty() && run(work.commands.front())) {
      if (std::holds_alternative<HostExchange>(work.commands.front())) --work.communications;
      work.commands.pop_front();
    }
  }
}

}  // namespace ds::executor
