#include "tests/executor/parallel/thread_device.h"

#include <sched.h>

#include <array>
#include <chrono>
#include <cstring>
#include <stdexcept>

namespace ds::support {

using executor::Event;
using executor::QueueId;

namespace {

constexpr int kLooksAside = 20;
constexpr std::chrono::microseconds kBetweenLooks{50};

}  // namespace

ThreadDevice::~ThreadDevice() {
  {
    const std::scoped_lock lock(mutex_);
    over_ = true;
  }
  changed_.notify_all();
  queues_.clear();
}

void ThreadDevice::write(Bytes to, std::span<const std::byte> from) {
  std::memcpy(base_ + to.value, from.data(), from.size());
}

void ThreadDevice::read(Bytes from, std::span<std::byte> to) {
  std::memcpy(to.data(), base_ + from.value, to.size());
}

void ThreadDevice::add(QueueId id, Command command) {
  const auto number = static_cast<std::size_t>(id);
  {
    const std::scoped_lock lock(mutex_);
    while (queues_.size() <= number) {
      const bool slow = slow_ == (queues_.empty() ? Slow::compute : Slow::others);
      Queue& queue = *queues_.emplace_back(std::make_unique<Queue>());
      queue.thread = std::jthread([this, &queue, slow] { work(queue, slow); });
    }
    queues_[number]->commands.push_back(std::move(command));
  }
  changed_.notify_all();
}

void ThreadDevice::work(Queue& queue, bool slow) {
  std::unique_lock lock(mutex_);
  for (;;) {
    changed_.wait(lock, [&] { return over_ || !queue.commands.empty(); });
    if (over_) return;
    const Command command = std::move(queue.commands.front());
    queue.commands.pop_front();
    lock.unlock();
    if (slow)
      for (int i = 0; i < kLooksAside; ++i) ::sched_yield();
    try {
      command();
    } catch (...) {
      const std::scoped_lock failed(mutex_);
      if (!failure_) failure_ = std::current_exception();
      over_ = true;
      changed_.notify_all();
    }
    lock.lock();
  }
}

void ThreadDevice::launch(QueueId queue, kernels::Run kernel, const ops::Op& op,
                          std::span<const Bytes> operands) {
  std::array<void*, ops::kMaxOperands> addresses{};
  for (std::size_t i = 0; i < operands.size(); ++i) addresses[i] = base_ + operands[i].value;
  add(queue, [kernel, &op, addresses, count = operands.size()] {
    kernels::Queue own;
    kernel(op, std::span(addresses).first(count), own);
  });
}

void ThreadDevice::announce(QueueId queue, executor::StatusListener& listener,
                            const executor::StepPoint& point) {
  add(queue, [&listener, point] { listener.set_status(point); });
}

void ThreadDevice::exchange(QueueId queue, executor::HostCommunicator& communicator,
                            const executor::Exchange& exchange) {
  add(queue, [this, &communicator, exchange] {
    const auto start = [&] {
      const std::scoped_lock lock(communicators_);
      return communicator.start(exchange);
    };
    const auto ended = [&](executor::Ticket ticket) {
      const std::scoped_lock lock(communicators_);
      return communicator.poll(ticket);
    };
    const executor::Ticket ticket = start();
    // Peers are other threads of this process: a look now and then leaves them the cores.
    for (int looks = 0; !over_ && !ended(ticket); ++looks)
      if (looks < kLooksAside) {
        ::sched_yield();
      } else {
        std::unique_lock lock(mutex_);
        changed_.wait_for(lock, kBetweenLooks, [&] { return over_.load(); });
      }
  });
}

Event ThreadDevice::record(QueueId queue) {
  Event event{};
  {
    const std::scoped_lock lock(mutex_);
    event = static_cast<Event>(events_.size());
    events_.emplace_back();
  }
  add(queue, [this, event] {
    {
      const std::scoped_lock lock(mutex_);
      events_[static_cast<std::size_t>(event)] = executor::now();
    }
    changed_.notify_all();
  });
  return event;
}

void ThreadDevice::await(std::unique_lock<std::mutex>& lock, Event event) {
  changed_.wait(lock, [&] { return over_ || events_[static_cast<std::size_t>(event)].has_value(); });
}

void ThreadDevice::wait(QueueId queue, Event event) {
  add(queue, [this, event] {
    std::unique_lock lock(mutex_);
    await(lock, event);
  });
}

bool ThreadDevice::completed(Event event) const {
  const std::scoped_lock lock(mutex_);
  return events_[static_cast<std::size_t>(event)].has_value();
}

void ThreadDevice::synchronize(Event event) {
  std::unique_lock lock(mutex_);
  await(lock, event);
  if (failure_) std::rethrow_exception(failure_);
}

executor::Instant ThreadDevice::time_of(Event event) const {
  const std::scoped_lock lock(mutex_);
  return *events_[static_cast<std::size_t>(event)];
}

void ThreadDevice::recycle_events() {
  const std::scoped_lock lock(mutex_);
  events_.clear();
}

}  // namespace ds::support
