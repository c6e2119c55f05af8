// Lines are read in pieces and written in one piece.
#include "tuner/search/line_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstring>
#include <utility>
#include <vector>

#include "simulator/base/error.h"
#include "simulator/base/file.h"

namespace ds::tuner {
namespace {

constexpr std::size_t kPiece = 1 << 20;

std::string reason() { return std::strerror(errno); }

}  // namespace

LineFile::LineFile(std::string name, std::int64_t most) : name_(std::move(name)), most_(most) {
  // O_NONBLOCK: opening a FIFO must not hang.
  file_ = Descriptor(::open(name_.c_str(), O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC | O_NONBLOCK, 0666));
  if (file_.get() < 0) throw InputError(name_, "cannot be opened: " + reason());
  struct stat status{};
  if (::fstat(file_.get(), &status) != 0 || !S_ISREG(status.st_mode))
    throw InputError(name_, "is not a regular file", "a regular file is needed");
  if (status.st_size > most_)
    throw InputError(name_, fmt::format("has {} bytes", status.st_size),
                     fmt::format("at most {} are read", most_));
  // Not every file system has locks; the system takes them back from whoever is killed.
  if (::flock(file_.get(), LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK)
    throw InputError(name_, "is in use by another search", "wait for its end, or give another name");
}

void LineFile::read(const std::function<void(std::string_view line, std::int64_t number)>& tell) {
  std::vector<char> piece(kPiece);
  std::int64_t number = 0;
  std::size_t bytes = 0;
  for (;;) {
    const ssize_t n = ::read(file_.get(), piece.data(), piece.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) throw InputError(name_, "cannot be read: " + reason());
    if (n == 0) break;
    bytes += static_cast<std::size_t>(n);
    std::string_view left(piece.data(), static_cast<std::size_t>(n));
    for (std::size_t end = left.find('\n'); end != std::string_view::npos; end = left.find('\n')) {
      ++number;
      size_ += static_cast<std::int64_t>(rest_.size() + end + 1);
      if (rest_.empty()) {
        tell(left.substr(0, end), number);
      } else {
        tell(rest_.append(left.substr(0, end)), number);
        rest_.clear();
      }
      left.remove_prefix(end + 1);
    }
    rest_.append(left);
    if (static_cast<std::int64_t>(rest_.size()) > kMaxInputBytes)
      throw InputError(name_, fmt::format("line {} has more than {} bytes", number + 1, kMaxInputBytes));
  }
  tell_read(name_, bytes);
}

void LineFile::drop_rest() {
  if (!rest_.empty() && ::ftruncate(file_.get(), size_) != 0) fail(reason());
  rest_.clear();
}

void LineFile::append(std::string_view lines) {
  if (!failure_.empty()) return;
  if (size_ + static_cast<std::int64_t>(lines.size()) > most_) {
    fail(fmt::format("it would have more than {} bytes", most_));
  } else if (!write_fully(file_.get(), lines)) {
    fail(reason());
    if (::ftruncate(file_.get(), size_) != 0) return;  // then its rest is an unfinished line
  } else {
    size_ += static_cast<std::int64_t>(lines.size());
  }
}

void LineFile::sync() {
  if (failure_.empty() && ::fdatasync(file_.get()) != 0) fail(reason());
}

void LineFile::fail(std::string why) { failure_ = std::move(why); }

}  // namespace ds::tuner
