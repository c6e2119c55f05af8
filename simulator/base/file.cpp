// Reads and atomic writes, on POSIX descriptors.
#include "simulator/base/file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <optional>
#include <utility>

#include "simulator/base/error.h"

namespace ds {
namespace {

std::function<void(const std::filesystem::path&, std::size_t)> watcher_of_reads;
std::optional<FilesRead> remembered;

std::string reason(int error) { return std::strerror(error); }

[[noreturn]] void fail_write(const std::filesystem::path& file, const char* what, int error) {
  throw MachineError(fmt::format("{}: cannot {}: {}", file.string(), what, reason(error)));
}

/// The file that a chain of symbolic links ends at, whether it exists or not.
std::filesystem::path target_of(std::filesystem::path file) {
  for (int links = 0; links < 40 && std::filesystem::is_symlink(std::filesystem::symlink_status(file));
       ++links) {
    const std::filesystem::path to = std::filesystem::read_symlink(file);
    file = to.is_absolute() ? to : file.parent_path() / to;
  }
  return file;
}

}  // namespace

void watch_reads(std::function<void(const std::filesystem::path& file, std::size_t bytes)> watcher) {
  watcher_of_reads = std::move(watcher);
}

void tell_read(const std::filesystem::path& file, std::size_t bytes) {
  if (watcher_of_reads) watcher_of_reads(file, bytes);
}

void remember_reads(FilesRead known) { remembered = std::move(known); }

const FilesRead& remembered_reads() {
  static const FilesRead none;
  return remembered ? *remembered : none;
}

namespace {

/// The content that was read under that name before, or what `read` gives now.
template <class Read>
std::string once(const std::string& name, Read&& read) {
  if (!remembered) return read();
  auto found = remembered->find(name);
  if (found == remembered->end()) found = remembered->emplace(name, read()).first;
  return found->second;
}

/// Up to the end of what `descriptor` gives.
std::string read_all(int descriptor, const std::string& name, std::int64_t limit) {
  std::string content;
  char block[1 << 16];
  for (;;) {
    const ssize_t n = ::read(descriptor, block, sizeof block);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) throw InputError(name, "cannot be read: " + reason(errno));
    if (n == 0) return content;
    content.append(block, static_cast<std::size_t>(n));
    if (static_cast<std::int64_t>(content.size()) > limit)
      throw InputError(name, "has more bytes than are read", fmt::format("at most {} are", limit));
  }
}

}  // namespace

Descriptor open_file(const std::filesystem::path& file, std::int64_t limit) {
  const std::string name = file.string();
  if (name.empty()) throw InputError({}, "the name of a file is empty", "give the path of one");
  // O_NONBLOCK: opening a FIFO that nobody writes must not hang.
  Descriptor fd(::open(file.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (fd.get() < 0) throw InputError(name, "cannot be opened: " + reason(errno));
  struct stat status{};
  if (::fstat(fd.get(), &status) != 0) throw InputError(name, "cannot be looked at: " + reason(errno));
  if (S_ISDIR(status.st_mode)) throw InputError(name, "is a directory", "a regular file is needed");
  if (!S_ISREG(status.st_mode)) throw InputError(name, "is not a regular file", "a regular file is needed");
  if (status.st_size > limit)
    throw InputError(name, fmt::format("has {} bytes", status.st_size),
                     fmt::format("at most {} are read (see ds-sim limits)", limit));
  return fd;
}

std::string read_file(const std::filesystem::path& file, std::int64_t limit) {
  return once(file.string(), [&] {
    const Descriptor fd = open_file(file, limit);
    std::string content = read_all(fd.get(), file.string(), limit);
    tell_read(file, content.size());
    return content;
  });
}

Argument read_argument(const std::filesystem::path& file, std::int64_t limit) {
  if (file == "-") {
    static std::optional<std::string> given;  // a stream can be read once
    const std::string name = "standard input";
    if (!given) given = once("-", [&] { return read_all(STDIN_FILENO, name, limit); });
    return {name, *given};
  }
  try {
    return {file.string(), read_file(file, limit)};
  } catch (const InputError& error) {
    std::error_code ignored;
    if (!std::filesystem::is_fifo(file, ignored)) throw;
    throw InputError(error.path(), error.wrong(), "write - in its place, and pipe it in");
  }
}

bool write_fully(int descriptor, std::string_view content) {
  while (!content.empty()) {
    const ssize_t n = ::write(descriptor, content.data(), content.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return false;
    content.remove_prefix(static_cast<std::size_t>(n));
  }
  return true;
}

void write_file_atomically(const std::filesystem::path& file, std::string_view content) {
  const std::filesystem::path target = target_of(file);
  const std::filesystem::path folder = target.has_parent_path() ? target.parent_path() : ".";
  if (std::filesystem::is_directory(target)) fail_write(target, "write", EISDIR);

  std::string temporary = (folder / ("." + target.filename().string() + ".XXXXXX.tmp")).string();
  Descriptor fd(::mkstemps(temporary.data(), 4));
  if (fd.get() < 0) fail_write(target, "write", errno);
  try {
    struct stat old{};
    const mode_t mask = ::umask(0);
    ::umask(mask);
    const mode_t mode = ::stat(target.c_str(), &old) == 0 ? old.st_mode & 07777U : 0666U & ~mask;
    ::fchmod(fd.get(), mode);
    if (!write_fully(fd.get(), content)) fail_write(target, "write", errno);
    if (::fsync(fd.get()) != 0) fail_write(target, "sync", errno);
    if (::close(fd.release()) != 0) fail_write(target, "close", errno);
    if (::rename(temporary.c_str(), target.c_str()) != 0) fail_write(target, "rename", errno);
  } catch (...) {
    ::unlink(temporary.c_str());
    throw;
  }
  const Descriptor directory(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (directory.get() >= 0) ::fsync(directory.get());
}

}  // namespace ds
