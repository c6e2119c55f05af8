#pragma once
// Files, read with a bound and written so that nothing is lost: to a temporary name beside the target, synced, renamed.

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <string>
#include <string_view>

#include "simulator/base/descriptor.h"

namespace ds {

/// Most bytes that a file of settings (job, profile, cases) may have; `ds-sim limits` prints it.
inline constexpr std::int64_t kMaxInputBytes = 64LL << 20;

/// Whole content of a regular file of at most `limit` bytes.
/// Throws InputError when it is missing, no regular file (directory, FIFO, device), unreadable or larger.
std::string read_file(const std::filesystem::path& file, std::int64_t limit = kMaxInputBytes);

/// What a command is given to read: a file, or standard input for "-", up to its end and as often as it is named.
struct Argument {
  std::string name;  // for messages
  std::string content;
};
Argument read_argument(const std::filesystem::path& file, std::int64_t limit = kMaxInputBytes);

/// Opens a file for reading in pieces, under the same conditions as read_file, which throws the same.
Descriptor open_file(const std::filesystem::path& file, std::int64_t limit);

/// Contents by name; that of standard input is "-".
using FilesRead = std::map<std::string, std::string>;

/// From here on read_file and read_argument answer from `known` what it holds, and add to it what they read: however
/// often a file is read and whoever replaces it meanwhile, a command sees one state of it, and so do other processes that are
/// given what this one has read. Set by the command line alone, while there is one thread.
void remember_reads(FilesRead known);
const FilesRead& remembered_reads();

/// `watcher` is told of each file that read_file has read, with its size: for people who ask where a number came from.
/// Set by the command line alone, while there is one thread; an empty one ends it.
void watch_reads(std::function<void(const std::filesystem::path& file, std::size_t bytes)> watcher);
/// Of a file that was read in pieces.
void tell_read(const std::filesystem::path& file, std::size_t bytes);

/// Writes all of it, however often the system takes a part alone. False where that fails; errno says why.
bool write_fully(int descriptor, std::string_view content);

/// Writes `content` under a temporary name beside `file`, syncs it, renames it over `file` and syncs the folder: readers
/// see the old content or the new one, never half. A symbolic link is followed: its target is replaced.
/// Throws MachineError with errno's text (disk full, no permission); then the old file is whole and the temporary
/// one is gone.
void write_file_atomically(const std::filesystem::path& file, std::string_view content);

}  // namespace ds
