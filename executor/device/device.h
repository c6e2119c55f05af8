#pragma once
// What a rank computes on. Its memory is a base and offsets: the host never dereferences it outside of kernels, it writes
// and reads by copying. Work is issued to queues, each of which runs in order and beside the others; events say how far a
// queue has come. Issuing never waits for what was issued: on GPUs a queue is a stream and an event an event of CUDA.

#include <cstddef>
#include <cstdint>
#include <span>
#include <type_traits>
#include <vector>

#include "executor/clock.h"
#include "kernels/kernels.h"
#include "simulator/base/units.h"

namespace ds::executor {

/// A queue comes into being when it is first named. A rank's has the number of the lane that it serves.
enum class QueueId : std::uint32_t {};
inline constexpr QueueId kComputeQueue{0};

/// A point in a queue, completed once everything issued to that queue before it has ended.
enum class Event : std::uint32_t {};

/// An instruction of a run, by its number in the call, the call's in the step. A step below 0: the rank judges.
struct StepPoint {
  std::int32_t step{}, call{}, instruction{};
};

/// Hears where a queue is.
class StatusListener {
 public:
  StatusListener() = default;
  virtual ~StatusListener() = default;
  StatusListener(const StatusListener&) = delete;
  StatusListener& operator=(const StatusListener&) = delete;
  virtual void set_status(const StepPoint& point) = 0;
};

/// A part of a device's memory.
struct MemoryRange {
  Bytes begin, size;
};

class Device {
 public:
  Device() = default;
  virtual ~Device() = default;
  Device(const Device&) = delete;
  Device& operator=(const Device&) = delete;

  virtual Bytes memory() const = 0;
  /// Nothing outside of these is touched from now on. What can watch over it does: AddressSanitizer on CPUs.
  virtual void use_only(std::span<const MemoryRange> ranges) = 0;

  /// Copies from and to the host, at once. Whoever calls has waited for all that touches these bytes.
  virtual void write(Bytes to, std::span<const std::byte> from) = 0;
  virtual void read(Bytes from, std::span<std::byte> to) = 0;

  /// Issues a kernel. `operands` are offsets, in the order of ops::operands(op); `op` lives until the kernel has ended.
  virtual void launch(QueueId queue, kernels::Run kernel, const ops::Op& op,
                      std::span<const Bytes> operands) = 0;
  /// Tells the listener of the point once the queue has come there. A device where that costs time may tell later.
  virtual void announce(QueueId queue, StatusListener& listener, const StepPoint& point) = 0;
  virtual Event record(QueueId queue) = 0;
  /// What is issued to `queue` from now on begins after the event, of whichever queue.
  virtual void wait(QueueId queue, Event event) = 0;
  virtual bool completed(Event event) const = 0;
  /// The host waits until the event has completed. Throws what went wrong on the way: MachineError of a communication.
  virtual void synchronize(Event event) = 0;
  /// When the event completed. It has.
  virtual Instant time_of(Event event) const = 0;
  /// All events recorded so far have completed and are not asked for any more.
  virtual void recycle_events() = 0;

  template <class T>
  void write_values(Bytes to, std::span<const T> values) {
    static_assert(std::is_trivially_copyable_v<T>);
    write(to, std::as_bytes(values));
  }
  template <class T>
  std::vector<T> read_values(Bytes from, std::int64_t count) {
    static_assert(std::is_trivially_copyable_v<T>);
    std::vector<T> values(static_cast<std::size_t>(count));
    read(from, std::as_writable_bytes(std::span(values)));
    return values;
  }
};

class HostCommunicator;
struct Exchange;

/// A device some of whose queues the host works at itself: those with communications over memory that processes share, or
/// over MPI.
class HostDevice : public Device {
 public:
  /// Issues an exchange: it starts when the queue has come to it, and the queue goes on when it has ended. The communicator
  /// outlives it.
  virtual void exchange(QueueId queue, HostCommunicator& communicator, const Exchange& exchange) = 0;
};

}  // namespace ds::executor
