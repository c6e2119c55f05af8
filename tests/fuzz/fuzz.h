#pragma once
// What all fuzzers share: bytes as a file, for readers that take a path, and what a reader may answer.

#include <sys/mman.h>
#include <unistd.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "simulator/base/error.h"

namespace ds::fuzz {

inline std::string_view text_of(const std::uint8_t* data, std::size_t size) {
  return {reinterpret_cast<const char*>(data), size};
}

/// A file in memory, under a name that can be opened.
class MemoryFile {
 public:
  explicit MemoryFile(std::string_view content) : descriptor_(::memfd_create("fuzz", MFD_CLOEXEC)) {
    ensure(descriptor_ >= 0 &&
               ::write(descriptor_, content.data(), content.size()) == static_cast<::ssize_t>(content.size()),
           "a file in memory can be written");
  }
  ~MemoryFile() { ::close(descriptor_); }
  MemoryFile(const MemoryFile&) = delete;
  MemoryFile& operator=(const MemoryFile&) = delete;
  std::string path() const { return "/proc/self/fd/" + std::to_string(descriptor_); }

 private:
  int descriptor_;
};

/// Input is read, or refused in words; whatever else is thrown is a fault, and ends the fuzzer.
template <class Read>
void read_or_refuse(Read&& read) {
  try {
    read();
  } catch (const InputError& error) {
    ensure(!std::string_view(error.what()).empty(), "a refusal says why");
  }
}

}  // namespace ds::fuzz
