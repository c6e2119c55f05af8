#pragma once
// One rank's process: started, watched by a descriptor, killed and reaped at the latest when this goes out of scope.

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace ds::executor {

struct ProcessPlan {
  std::string program;                   // a path
  std::vector<std::string> arguments;    // with the program's name
  std::vector<std::string> environment;  // "NAME=value", the whole of it
  int inherited{-1};        // the one descriptor handed on besides 0, 1, 2 and those of the parent
  std::optional<int> core;  // the only one it may run on
};

class Process {
 public:
  /// The child dies with the thread that constructs this, whatever kills that; it ignores SIGINT and SIGTERM, which a
  /// terminal or a batch system sends to every process at once. Throws MachineError when it cannot be started.
  explicit Process(const ProcessPlan& plan);
  ~Process();
  Process(Process&& other) noexcept;
  Process& operator=(Process&& other) noexcept;

  pid_t id() const { return id_; }
  /// Readable once the process has ended.
  int descriptor() const { return descriptor_; }
  void kill() const;
  /// Waits for the end, returns waitpid's status.
  int reap();

 private:
  pid_t id_{-1};
  int descriptor_{-1};
};

}  // namespace ds::executor
