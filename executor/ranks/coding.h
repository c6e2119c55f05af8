#pragma once
// How values become bytes that another process of this very program reads: as they lie in memory, lists after their length.

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <type_traits>
#include <utility>
#include <vector>

#include "simulator/base/error.h"

namespace ds::executor {

class Writer {
 public:
  template <class T>
  void value(const T& value) {
    static_assert(std::is_trivially_copyable_v<T>);
    append(&value, sizeof value);
  }
  template <class List>
  void list(const List& list) {
    static_assert(std::is_trivially_copyable_v<typename List::value_type>);
    value(std::uint64_t{list.size()});
    append(list.data(), list.size() * sizeof(typename List::value_type));
  }
  std::vector<std::byte> take() { return std::move(bytes_); }

 private:
  void append(const void* from, std::size_t size) {
    const auto* first = static_cast<const std::byte*>(from);
    bytes_.insert(bytes_.end(), first, first + size);
  }
  std::vector<std::byte> bytes_;
};

/// Throws MachineError where the bytes end too soon, or not at all.
class Reader {
 public:
  explicit Reader(std::span<const std::byte> bytes) : bytes_(bytes) {}
  template <class T>
  void value(T& value) {
    static_assert(std::is_trivially_copyable_v<T>);
    if constexpr (std::is_same_v<T, bool>) {
      // Other bytes than 0 and 1 are no truth value at all.
      std::uint8_t byte = 0;
      take(&byte, sizeof byte);
      if (byte > 1) fail();
      value = byte == 1;
    } else {
      take(&value, sizeof value);
    }
  }
  template <class List>
  void list(List& list) {
    std::uint64_t count = 0;
    value(count);
    if (count > bytes_.size() / sizeof(typename List::value_type)) fail();
    list.resize(count);
    take(list.data(), count * sizeof(typename List::value_type));
  }
  void end() const {
    if (!bytes_.empty()) fail();
  }

 private:
  [[noreturn]] static void fail() { throw MachineError("what another rank says is not whole"); }
  void take(void* to, std::size_t size) {
    if (size > bytes_.size()) fail();
    if (size > 0) std::memcpy(to, bytes_.data(), size);
    bytes_ = bytes_.subspan(size);
  }
  std::span<const std::byte> bytes_;
};

}  // namespace ds::executor
