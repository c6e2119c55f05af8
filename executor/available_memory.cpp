// Reads what /proc and the control groups say of memory, and tries whether address space is left.
#include "executor/available_memory.h"

#include <fmt/format.h>
#include <sys/mman.h>

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <fstream>
#include <optional>
#include <sstream>

#include "simulator/base/error.h"
#include "simulator/base/short_memory.h"

namespace ds::executor {
namespace {

namespace fs = std::filesystem;

// OpenBLAS's BUFFER_SIZE on x86-64 (common_x86_64.h: 32 << 22), and some for what a step allocates by itself.
constexpr std::int64_t kBlasBytes = 128 << 20, kSlack = 8 << 20;

std::string megabytes(double bytes) { return fmt::format("{:.3g} MB", bytes / 1e6); }

/// The number after `key` in a file of "key number" lines, or 0.
std::int64_t value_of(const fs::path& file, const std::string& key) {
  std::ifstream stream(file);
  std::string line, word;
  std::int64_t value = 0;
  while (std::getline(stream, line)) {
    std::istringstream fields(line);
    if (fields >> word && word == key && fields >> value) return value;
  }
  return 0;
}

/// A file that holds a number; "max", like a file that is not there, is nothing.
std::optional<std::int64_t> number_in(const fs::path& file) {
  std::ifstream stream(file);
  std::int64_t value = 0;
  return stream >> value ? std::optional(value) : std::nullopt;
}

/// What the files of one control group are called.
struct GroupFiles {
  const char *limit, *used, *cached;
};
constexpr GroupFiles kFirst{"memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"};
constexpr GroupFiles kSecond{"memory.max", "memory.current", "inactive_file"};

std::optional<std::int64_t> left_in(const fs::path& group, const GroupFiles& files) {
  const auto limit = number_in(group / files.limit), used = number_in(group / files.used);
  if (!limit || !used) return std::nullopt;
  return std::max<std::int64_t>(0, *limit - *used + value_of(group / "memory.stat", files.cached));
}

/// Of a group and all that hold it, since each has a limit of its own.
void lower_to_groups(AvailableMemory& available, const fs::path& mount, fs::path path,
                     const GroupFiles& files) {
  for (path = path.relative_path();; path = path.parent_path()) {
    if (const auto left = left_in(mount / path, files); left && *left < available.bytes.value)
      available = {.bytes = {*left}, .of = "of the control group"};
    if (path.empty()) return;
  }
}

}  // namespace

AvailableMemory available_memory(const fs::path& root) {
  const fs::path info = root / "proc/meminfo", groups = root / "sys/fs/cgroup";
  constexpr std::int64_t kKib = 1024;
  AvailableMemory available{.bytes = {kKib * (value_of(info, "MemAvailable:") + value_of(info, "SwapFree:"))},
                            .of = "of this machine"};
  std::ifstream list(root / "proc/self/cgroup");
  // Lines of "number:controllers:path"; version 2 has no controllers there (cgroups(7)).
  for (std::string line; std::getline(list, line);) {
    const std::size_t first = line.find(':'), second = line.find(':', first + 1);
    if (second == std::string::npos) continue;
    const std::string controllers = "," + line.substr(first + 1, second - first - 1) + ",";
    const std::string path = line.substr(second + 1);
    if (controllers == ",,") lower_to_groups(available, groups, path, kSecond);
    if (controllers.find(",memory,") != std::string::npos)
      lower_to_groups(available, groups / "memory", path, kFirst);
  }
  return available;
}

void check_available(const std::string& what, Bytes need, const AvailableMemory& available) {
  if (need <= available.bytes) return;
  throw MachineError(fmt::format("not enough memory: {} take {}, and {} {} are free", what,
                                 megabytes(static_cast<double>(need.value)),
                                 megabytes(static_cast<double>(available.bytes.value)), available.of));
}

void check_room_for_blas() {
  static std::atomic<bool> taken{false};
  if (taken) return;
  constexpr std::size_t kBytes = kBlasBytes + kSlack;
  void* room =
      ::mmap(nullptr, kBytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (room == MAP_FAILED)
    throw MachineError(
        fmt::format("not enough memory: matrix products need {} of address space beside the arena{}",
                    megabytes(kBytes), address_space_note()));
  ::munmap(room, kBytes);
  taken = true;
}

}  // namespace ds::executor
