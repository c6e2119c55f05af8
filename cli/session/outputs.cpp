// Looks at targets as the system will when they are written.
#include "cli/session/outputs.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <exception>
#include <filesystem>
#include <memory>

#include "cli/session/session.h"
#include "simulator/base/error.h"
#include "simulator/base/file.h"

namespace ds::cli {

namespace fs = std::filesystem;

namespace {

/// Ctrl-C, SIGTERM and the end of our time wait while this lives: a handler that ends the program would leave a temporary file behind.
class HeldSignals {
 public:
  HeldSignals() {
    sigset_t held;
    sigemptyset(&held);
    sigaddset(&held, SIGINT);
    sigaddset(&held, SIGTERM);
    sigaddset(&held, SIGALRM);
    ::pthread_sigmask(SIG_BLOCK, &held, &before_);
  }
  ~HeldSignals() { ::pthread_sigmask(SIG_SETMASK, &before_, nullptr); }
  HeldSignals(const HeldSignals&) = delete;
  HeldSignals& operator=(const HeldSignals&) = delete;

 private:
  sigset_t before_{};
};

/// Into a device or FIFO as it is: renaming a file over /dev/null would take it away from everybody.
void write_through(const std::string& device, std::string_view text) {
  const auto fail = [&] {
    throw MachineError(fmt::format("{}: cannot write: {}", device, std::strerror(errno)));
  };
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(std::fopen(device.c_str(), "w"), &std::fclose);
  if (!file || std::fwrite(text.data(), 1, text.size(), file.get()) != text.size() ||
      std::fflush(file.get()) != 0)
    fail();
}

/// As gzip does it, but for the time: equal text, equal bytes.
std::string compressed(std::string_view text) {
  constexpr int kLevel = 6, kWindowBits = 15, kGzip = 16, kMemory = 8;
  z_stream stream{};
  ensure(
      ::deflateInit2(&stream, kLevel, Z_DEFLATED, kWindowBits + kGzip, kMemory, Z_DEFAULT_STRATEGY) == Z_OK,
      "zlib starts");
  std::string packed;
  std::array<Bytef, 1 << 16> part{};
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));  // zlib reads it only
  for (int state = Z_OK; state != Z_STREAM_END;) {
    // It counts in 32 bits.
    const std::size_t left =
        text.size() - static_cast<std::size_t>(reinterpret_cast<const char*>(stream.next_in) - text.data());
    stream.avail_in = static_cast<uInt>(std::min<std::size_t>(left, 1U << 30U));
    stream.next_out = part.data();
    stream.avail_out = static_cast<uInt>(part.size());
    state = ::deflate(&stream, stream.avail_in == left ? Z_FINISH : Z_NO_FLUSH);
    packed.append(reinterpret_cast<const char*>(part.data()), part.size() - stream.avail_out);
  }
  ::deflateEnd(&stream);
  return packed;
}

[[noreturn]] void refuse(const Output& output, std::string_view why, std::string_view instead) {
  throw InputError(std::string(output.option), fmt::format("{} {}", output.target, why),
                   std::string(instead));
}

/// A link that somebody else may have laid for us to follow: what Linux's fs.protected_symlinks refuses, too.
bool is_foreign_link(const fs::path& file) {
  struct stat link{}, folder{};
  if (::lstat(file.c_str(), &link) != 0 || !S_ISLNK(link.st_mode)) return false;
  const fs::path parent = file.has_parent_path() ? file.parent_path() : ".";
  if (::stat(parent.c_str(), &folder) != 0) return false;
  const bool for_all = (folder.st_mode & S_ISVTX) != 0 && (folder.st_mode & S_IWOTH) != 0;
  return for_all && link.st_uid != ::geteuid() && link.st_uid != folder.st_uid;
}

/// Opens it for as long as the program runs: closed again, its reader would take that for the end.
bool has_reader(const std::string& fifo) {
  return ::open(fifo.c_str(), O_WRONLY | O_NONBLOCK | O_CLOEXEC) >= 0 || errno != ENXIO;
}

/// Where a name leads in the end, be there a file or not.
fs::path followed(fs::path file) {
  constexpr int kMostLinks = 40;  // as many as Linux follows
  std::error_code error;
  for (int links = 0; links < kMostLinks && fs::is_symlink(file, error); ++links)
    file = file.parent_path() / fs::read_symlink(file, error);
  return fs::weakly_canonical(fs::absolute(file, error), error);
}

/// Asked by trying: access() says yes to root, be the file system read-only or none that takes files.
void check_folder(const Output& output, const fs::path& folder) {
  const HeldSignals held;
  std::string trial = (folder / ".ds-XXXXXX.tmp").string();
  constexpr int kEnding = 4;
  const int file = ::mkstemps(trial.data(), kEnding);
  if (file >= 0) {
    ::close(file);
    ::unlink(trial.c_str());
    return;
  }
  if (errno == ENOSPC || errno == EDQUOT || errno == EMFILE || errno == ENFILE)
    throw MachineError(
        fmt::format("{}: {}: cannot write: {}", output.option, output.target, std::strerror(errno)));
  throw InputError(std::string(output.option), fmt::format("nothing may be written in {}", folder.string()),
                   "give another folder");
}

void check_target(const Output& output) {
  const fs::path file = output.target;
  std::error_code error;
  if (fs::is_directory(file, error)) refuse(output, "is a directory", "a file is needed");
  const fs::path folder = file.has_parent_path() ? file.parent_path() : ".";
  if (!fs::is_directory(folder, error))
    throw InputError(std::string(output.option), fmt::format("{} is not a folder", folder.string()),
                     "make it first");
  if (is_foreign_link(file))
    refuse(output, "is a link of somebody else in a folder for all", "give another name");
  struct stat there{};
  if (::stat(file.c_str(), &there) != 0) {
    check_folder(output, folder);
    return;
  }
  if (S_ISFIFO(there.st_mode) && !has_reader(output.target))
    refuse(output, "is a pipe that nobody reads", "start its reader first");
  const bool may = ::access(file.c_str(), W_OK) == 0;
  if (!may || (S_ISREG(there.st_mode) && (there.st_mode & (S_IWUSR | S_IWGRP | S_IWOTH)) == 0))
    refuse(output, "is write-protected", "give another name");
  const fs::path target = followed(file);
  if (S_ISREG(there.st_mode) && !output.in_place) check_folder(output, target.parent_path());
}

/// Whether both are one file, be it there already or not. What is written into, and not replaced, may be used twice.
bool are_one(const std::string& a, const std::string& b) {
  std::error_code error;
  if (fs::is_other(a, error)) return false;
  if (fs::equivalent(a, b, error) && !error) return true;
  return followed(a) == followed(b);
}

}  // namespace

void check_outputs(const std::vector<Output>& outputs) {
  for (std::size_t i = 0; i < outputs.size(); ++i) {
    const Output& output = outputs[i];
    if (output.target.empty()) continue;
    const bool standard = output.target == "-";
    if (!standard) check_target(output);
    for (std::size_t before = 0; before < i; ++before) {
      const Output& other = outputs[before];
      if (other.target.empty() || (other.target == "-") != standard) continue;
      if (standard)
        throw InputError(std::string(output.option),
                         fmt::format("is standard output, as {} is", other.option),
                         "one of them needs a file");
      if (are_one(output.target, other.target))
        refuse(output, fmt::format("is the file of {}, too", other.option), "one of them needs another name");
    }
  }
}

void check_against(const std::vector<Output>& outputs, const std::vector<Input>& inputs) {
  for (const Output& output : outputs)
    for (const Input& input : inputs)
      if (!output.target.empty() && output.target != "-" && !input.file.empty() &&
          are_one(output.target, input.file))
        refuse(output, fmt::format("is {}, which is read", input.what), "give another name");
}

GrowingOutput::~GrowingOutput() {
  if (file_ > STDERR_FILENO) ::close(file_);
}

void GrowingOutput::add(std::string_view line) {
  if (target_.empty() || failed_) return;
  if (file_ < 0)
    file_ = target_ == "-" ? STDOUT_FILENO
                           : ::open(target_.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
  failed_ = file_ < 0;
  if (failed_) return;
  const off_t begin = ::lseek(file_, 0, SEEK_CUR);  // -1 in what has no places: pipes, terminals
  failed_ = !write_fully(file_, std::string(line) + "\n");
  if (failed_ && begin >= 0 && ::ftruncate(file_, begin) != 0)
    return;  // a device, where nothing is left anyway
}

void write_output(const std::string& target, std::string_view text) {
  std::string packed;
  if (target.ends_with(".gz")) text = packed = compressed(text);
  std::error_code error;
  if (target == "-")
    print(text);
  else if (fs::is_other(target, error))
    write_through(target, text);
  else {
    const HeldSignals held;
    write_file_atomically(target, text);
  }
}

void write_outputs(const std::vector<Content>& contents) {
  std::exception_ptr first;
  for (const Content& one : contents) {
    if (one.target.empty()) continue;
    try {
      write_output(one.target, one.text());
    } catch (...) {
      if (!first) first = std::current_exception();
    }
  }
  if (first) std::rethrow_exception(first);
}

}  // namespace ds::cli
