#pragma once
// What a rank computes on. Its memory is a base and offsets: the host never dereferences it outside of kernels, it writes
// and reads by copying. Work is issued to queues, and events say how far a queue has come.

#include <cstddef>
#include <cstdint>
#include <span>
#include <type_traits>
#include <vector>

#include "executor/clock.h"
#include "kernels/kernels.h"
#include "simulator/base/units.h"

namespace ds::executor {

enum class QueueId : std::uint8_t { compute, copy_in, copy_out };

/// A point in a queue: it has come when everything issued to that queue before has ended.
enum class Event : std::uint32_t {};

/// A part of a device's memory.
struct Range {
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
  virtual void use_only(std::span<const Range> ranges) = 0;

  /// Copies from and to the host, after everything issued so far has ended.
  virtual void write(Bytes to, std::span<const std::byte> from) = 0;
  virtual void read(Bytes from, std::span<std::byte> to) = 0;

  /// Issues a kernel. `operands` are offsets, in the order of ops::operands(op).
  virtual void launch(QueueId queue, kernels::Run kernel, const ops::Op& op,
                      std::span<const Bytes> operands) = 0;
  virtual Event record(QueueId queue) = 0;
  /// What is issued to `queue` from now on begins after the event.
  virtual void wait(QueueId queue, Event event) = 0;
  virtual bool has_come(Event event) const = 0;
  /// When the event came. It has come.
  virtual Instant time_of(Event event) const = 0;
  /// Events of before are no longer asked for.
  virtual void forget_events() = 0;

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

}  // namespace ds::executor
