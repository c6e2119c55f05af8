#pragma once
// Finds the rank that keeps all others waiting: one that was stopped, or that shows no sign of life.

#include <sys/types.h>

#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "executor/pool/pool.h"

namespace ds::executor {

/// By SIGSTOP and its like; a process that a debugger holds is in another state.
bool is_stopped(pid_t process);

/// A rank that does not go on.
struct Standstill {
  enum class Kind { stopped, silent };
  Kind kind{};
  std::int32_t rank{};
  Seconds lasts;
};

/// "rank 1 was stopped and did not go on for 10 s", "rank 1 has not moved for 60 s".
std::string tell(const Standstill& standstill);

/// How long is too long. A stopped rank is no doubt; a silent one may be at a very large product, or, while it starts, at a
/// text of gigabytes.
struct StandstillLimits {
  Seconds stopped{10}, silent{60}, silent_at_start{600};
};

/// Asked over and over while ranks run. Time counts only as far as it is asked, so that a terminal's Ctrl-Z, which stops all
/// ranks and their supervisor as well, is none.
class StandstillWatch {
 public:
  explicit StandstillWatch(const Pool& pool, StandstillLimits limits) : pool_(pool), limits_(limits) {}

  /// Of the rank in that process, once for each rank that runs, after `begin_look`.
  void look(std::int32_t rank, pid_t process);
  /// Time goes on.
  void begin_look();
  /// The rank that is to blame: one that was stopped, else of the silent ones the one that fell silent first, since those that
  /// wait for it hand on its last sign of life.
  std::optional<Standstill> found() const;

 private:
  struct Seen {
    std::int64_t alive_ns{};
    Seconds stopped, silent;
  };
  const Pool& pool_;
  StandstillLimits limits_;
  std::int64_t last_ns_{0};
  Seconds passed_;
  std::map<std::int32_t, Seen> seen_;
};

}  // namespace ds::executor
