// Starts, kills and reaps one rank's process.
#include "executor/supervisor/process.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstring>
#include <utility>

#include "simulator/base/error.h"

namespace ds::executor {
namespace {

std::vector<char*> pointers(const std::vector<std::string>& texts) {
  std::vector<char*> result;
  for (const std::string& text : texts) result.push_back(const_cast<char*>(text.c_str()));
  result.push_back(nullptr);
  return result;
}

// Only calls that are safe between fork and exec in a process with threads. The status of a failed exec is the shell's.
[[noreturn]] void become(const ProcessPlan& plan, pid_t parent, char* const* arguments,
                         char* const* environment) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::getppid() != parent) ::_exit(127);  // it died before the line above
  ::signal(SIGINT, SIG_IGN);
  ::signal(SIGTERM, SIG_IGN);
  sigset_t none;
  ::sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  if (plan.inherited >= 0) ::fcntl(plan.inherited, F_SETFD, 0);
  if (plan.core) {
    cpu_set_t only;
    CPU_ZERO(&only);
    CPU_SET(static_cast<std::size_t>(*plan.core), &only);
    ::sched_setaffinity(0, sizeof only, &only);  // a wish: without it the rank is right, and slower
  }
  ::execve(plan.program.c_str(), arguments, environment);
  ::_exit(127);
}

}  // namespace

Process::Process(const ProcessPlan& plan) {
  const std::vector<char*> arguments = pointers(plan.arguments), environment = pointers(plan.environment);
  const pid_t parent = ::getpid();
  id_ = ::fork();
  if (id_ == 0) become(plan, parent, arguments.data(), environment.data());
  if (id_ < 0)
    throw MachineError(fmt::format("a rank's process cannot be started: {}", std::strerror(errno)));
  descriptor_ = static_cast<int>(::syscall(SYS_pidfd_open, id_, 0));
  if (descriptor_ >= 0) return;
  const int error = errno;
  kill();
  reap();
  throw MachineError(fmt::format("a rank's process cannot be watched: pidfd_open: {}", std::strerror(error)));
}

Process::Process(Process&& other) noexcept
    : id_(std::exchange(other.id_, -1)), descriptor_(std::exchange(other.descriptor_, -1)) {}

Process& Process::operator=(Process&& other) noexcept {
  std::swap(id_, other.id_);
  std::swap(descriptor_, other.descriptor_);
  return *this;
}

Process::~Process() {
  if (id_ > 0) {
    kill();
    reap();
  }
  if (descriptor_ >= 0) ::close(descriptor_);
}

void Process::kill() const {
  if (id_ > 0) ::kill(id_, SIGKILL);
}

int Process::reap() {
  int status = 0;
  while (::waitpid(id_, &status, 0) < 0 && errno == EINTR) {}
  id_ = -1;
  return status;
}

}  // namespace ds::executor
