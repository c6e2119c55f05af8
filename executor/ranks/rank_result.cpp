// The encoding of what a rank leaves in its mailbox: every field once, for both ways.
#include "executor/ranks/rank_result.h"

#include <cstdint>
#include <cstring>
#include <type_traits>

#include "simulator/base/error.h"

namespace ds::executor {
namespace {

constexpr std::uint64_t kMagic = 0x31'6c'69'61'6d'73'64;  // "dsmail1"

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
  [[noreturn]] static void fail() { throw MachineError("a rank's result is not whole"); }
  void take(void* to, std::size_t size) {
    if (size > bytes_.size()) fail();
    if (size > 0) std::memcpy(to, bytes_.data(), size);
    bytes_ = bytes_.subspan(size);
  }
  std::span<const std::byte> bytes_;
};

/// Every field once, in one order for both ways.
template <class Coder, class Result>
void code(Coder& coder, Result& result) {
  coder.list(result.steps);
  coder.value(result.held_back_before);
  coder.value(result.held_back_after);
  coder.value(result.arena);
  coder.value(result.resident);
  coder.value(result.stopped);
}

template <class Coder, class Step>
void code_step(Coder& coder, Step& step) {
  coder.value(step.step);
  coder.value(step.begin);
  for (auto* timeline : {&step.wall, &step.cpu}) {
    coder.list(timeline->rows);
    coder.value(timeline->length);
  }
}

}  // namespace

std::vector<std::byte> encode(const RankResult& result) {
  ensure(result.result.measured.size() <= 1, "one measured step stands for all");
  Writer writer;
  writer.value(kMagic);
  code(writer, result.result);
  writer.value(!result.result.measured.empty());
  if (!result.result.measured.empty()) code_step(writer, result.result.measured.front());
  writer.value(result.error.has_value());
  if (result.error) {
    writer.value(result.error->status);
    writer.list(result.error->message);
  }
  return writer.take();
}

RankResult decode(std::span<const std::byte> bytes) {
  Reader reader(bytes);
  std::uint64_t magic = 0;
  reader.value(magic);
  if (magic != kMagic) throw MachineError("a rank's result is not one of this version");
  RankResult result;
  code(reader, result.result);
  bool there = false;
  reader.value(there);
  if (there) code_step(reader, result.result.measured.emplace_back());
  reader.value(there);
  if (there) {
    reader.value(result.error.emplace().status);
    reader.list(result.error->message);
  }
  reader.end();
  return result;
}

}  // namespace ds::executor
