#include "tests/cli/e2e/program.h"

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iterator>
#include <sstream>
#include <stdexcept>

namespace ds::e2e {
namespace {

using Clock = std::chrono::steady_clock;

void must(bool done, const char* what) {
  if (!done) throw std::runtime_error(std::string(what) + ": " + std::strerror(errno));
}

struct Pipe {
  int read_end{-1}, write_end{-1};
  Pipe() {
    int ends[2];
    must(::pipe2(ends, O_CLOEXEC) == 0, "pipe2");
    read_end = ends[0], write_end = ends[1];
  }
  ~Pipe() { close_read(), close_write(); }
  Pipe(const Pipe&) = delete;
  Pipe& operator=(const Pipe&) = delete;
  void close_read() { close_one(read_end); }
  void close_write() { close_one(write_end); }

 private:
  static void close_one(int& end) {
    if (end >= 0) ::close(end);
    end = -1;
  }
};

/// A terminal of that width in the place of a pipe: the program writes to one end, we read what is seen at the other.
void become_terminal(Pipe& pipe, int columns) {
  pipe.close_read(), pipe.close_write();
  must((pipe.read_end = ::posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC)) >= 0, "posix_openpt");
  must(::grantpt(pipe.read_end) == 0 && ::unlockpt(pipe.read_end) == 0, "unlockpt");
  must((pipe.write_end = ::open(::ptsname(pipe.read_end), O_RDWR | O_NOCTTY | O_CLOEXEC)) >= 0, "ptsname");
  winsize size{};
  size.ws_row = 50;
  size.ws_col = static_cast<unsigned short>(columns);
  must(::ioctl(pipe.write_end, TIOCSWINSZ, &size) == 0, "TIOCSWINSZ");
}

/// A limit that children inherit, taken back at the end of the scope: posix_spawn cannot set one in the child alone.
class InheritedLimit {
 public:
  InheritedLimit(__rlimit_resource what, const std::optional<std::int64_t>& limit)
      : what_(what), set_(limit) {
    if (!set_) return;
    must(::getrlimit(what_, &old_) == 0, "getrlimit");
    const rlimit mine{static_cast<rlim_t>(*limit), old_.rlim_max};
    must(::setrlimit(what_, &mine) == 0, "setrlimit");
  }
  ~InheritedLimit() {
    if (set_) ::setrlimit(what_, &old_);
  }
  InheritedLimit(const InheritedLimit&) = delete;
  InheritedLimit& operator=(const InheritedLimit&) = delete;

 private:
  __rlimit_resource what_;
  bool set_;
  rlimit old_{};
};

/// Our environment with `added` in place of variables of the same name.
std::vector<std::string> environment_with(const std::vector<std::string>& added) {
  std::vector<std::string> all = added;
  for (char** variable = environ; *variable != nullptr; ++variable) {
    const std::string mine = *variable;
    const std::string name = mine.substr(0, mine.find('=') + 1);
    bool replaced = false;
    for (const std::string& a : added) replaced = replaced || a.starts_with(name);
    if (!replaced) all.push_back(mine);
  }
  return all;
}

std::vector<char*> pointers(std::vector<std::string>& texts) {
  std::vector<char*> result;
  for (std::string& text : texts) result.push_back(text.data());
  result.push_back(nullptr);
  return result;
}

pid_t start(std::vector<std::string> arguments, const Conditions& conditions, const Pipe& out,
            const Pipe& err) {
  posix_spawn_file_actions_t files;
  posix_spawn_file_actions_init(&files);
  posix_spawn_file_actions_addopen(
      &files, 0, conditions.input.empty() ? "/dev/null" : conditions.input.c_str(), O_RDONLY, 0);
  if (conditions.output_file.empty())
    posix_spawn_file_actions_adddup2(&files, out.write_end, 1);
  else
    posix_spawn_file_actions_addopen(&files, 1, conditions.output_file.c_str(), O_WRONLY | O_CREAT, 0666);
  posix_spawn_file_actions_adddup2(&files, conditions.window_columns > 0 ? out.write_end : err.write_end, 2);

  for (const int stream : conditions.closed) posix_spawn_file_actions_addclose(&files, stream);

  if (!conditions.folder.empty()) posix_spawn_file_actions_addchdir_np(&files, conditions.folder.c_str());

  // Whoever started the tests may have these ignored, and children would inherit that.
  sigset_t defaults;
  sigemptyset(&defaults);
  for (const int signal : {SIGPIPE, SIGINT, SIGTERM, SIGXFSZ}) sigaddset(&defaults, signal);
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  posix_spawnattr_setsigdefault(&attributes, &defaults);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP);

  std::vector<std::string> environment = environment_with(conditions.environment);
  pid_t child = 0;
  int error = 0;
  {
    const InheritedLimit file_size(RLIMIT_FSIZE, conditions.file_bytes);
    const InheritedLimit memory(RLIMIT_AS, sanitized() ? std::nullopt : conditions.address_bytes);
    error = ::posix_spawn(&child, arguments.front().c_str(), &files, &attributes, pointers(arguments).data(),
                          pointers(environment).data());
  }
  posix_spawnattr_destroy(&attributes);
  posix_spawn_file_actions_destroy(&files);
  errno = error;
  must(error == 0, arguments.front().c_str());
  return child;
}

/// In the order in which they were started.
std::vector<std::int64_t> children_of(pid_t process) {
  const std::string id = std::to_string(process);
  std::ifstream list("/proc/" + id + "/task/" + id + "/children");
  return {std::istream_iterator<std::int64_t>(list), {}};
}

/// Seconds of processor that a process that still runs has had: fields 14 and 15 of proc_pid_stat(5), the name left out.
double processor_seconds(pid_t process) {
  std::ifstream file("/proc/" + std::to_string(process) + "/stat");
  const std::string text(std::istreambuf_iterator<char>(file), {});
  std::istringstream fields(text.substr(std::min(text.rfind(')') + 1, text.size())));
  std::string skipped;
  for (int field = 3; field < 14; ++field) fields >> skipped;
  double user = 0, system = 0;
  fields >> user >> system;
  return (user + system) / static_cast<double>(::sysconf(_SC_CLK_TCK));
}

double seconds(const timeval& time) {
  return static_cast<double>(time.tv_sec) + 1e-6 * static_cast<double>(time.tv_usec);
}

/// Appends what there is to read; false at the end, which of a terminal is an error (EIO).
bool drain(int fd, std::string& text) {
  char block[1 << 16];
  const ssize_t n = ::read(fd, block, sizeof block);
  if (n < 0) return errno == EINTR;
  text.append(block, static_cast<std::size_t>(n));
  return n > 0;
}

}  // namespace

Ended run(const std::vector<std::string>& arguments, const Conditions& conditions) {
  Pipe out, err;
  if (conditions.closed_output) out.close_read();
  if (conditions.window_columns > 0) become_terminal(out, conditions.window_columns);
  const auto begin = Clock::now();
  const auto end = begin + std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(
                               conditions.time_limit_s * (sanitized() ? 10 : 1)));
  const pid_t child = start(arguments, conditions, out, err);
  out.close_write(), err.close_write();

  Ended ended;
  std::optional<SignalWhen> to_send = conditions.signal;
  Clock::time_point signalled = begin;
  double processor_before = 0;
  std::array<pollfd, 2> open{pollfd{out.read_end, POLLIN, 0}, pollfd{err.read_end, POLLIN, 0}};
  while (open[0].fd >= 0 || open[1].fd >= 0) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(end - Clock::now()).count();
    if (left <= 0 && !ended.timed_out) ended.timed_out = true, ::kill(-child, SIGKILL);
    ::poll(open.data(), open.size(), ended.timed_out ? -1 : static_cast<int>(left));
    if (open[0].revents != 0 && !drain(open[0].fd, ended.out)) open[0].fd = -1;
    if (open[1].revents != 0 && !drain(open[1].fd, ended.err)) open[1].fd = -1;
    if (to_send && ended.err.find(to_send->text) != std::string::npos) {
      if (to_send->first) to_send->first();
      ended.children = children_of(child);
      const bool to_child = to_send->to == SignalWhen::To::last_child && !ended.children.empty();
      signalled = Clock::now();
      processor_before = processor_seconds(child);
      ::kill(to_child ? static_cast<pid_t>(ended.children.back()) : child, to_send->signal);
      to_send.reset();
    }
  }
  int status = 0;
  rusage usage{};
  must(::wait4(child, &status, 0, &usage) == child, "wait4");
  ended.wall_s = std::chrono::duration<double>(Clock::now() - begin).count();
  ended.after_signal_s = std::chrono::duration<double>(Clock::now() - signalled).count();
  ended.processor_after_signal_s = seconds(usage.ru_utime) + seconds(usage.ru_stime) - processor_before;
  ended.resident_bytes = static_cast<std::int64_t>(usage.ru_maxrss) * 1024;
  if (WIFSIGNALED(status)) {
    ended.signal = WTERMSIG(status);
    ended.dumped_core = WCOREDUMP(status);
  }
  ended.status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + ended.signal;
  return ended;
}

bool has_terminals() {
  const int terminal = ::posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
  if (terminal >= 0) ::close(terminal);
  return terminal >= 0;
}

std::vector<std::string> lines(const std::string& text) {
  std::vector<std::string> result;
  std::istringstream stream(text);
  for (std::string line; std::getline(stream, line);) result.push_back(line);
  return result;
}

}  // namespace ds::e2e
