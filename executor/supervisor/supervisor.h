#pragma once
// Starts the ranks of one host as processes of this very program, watches them, and sees to it that all of them end:
//
//   Pool pool = Pool::create(shape);
//   const Outcome outcome = supervise(pool, {.arguments = {"ds-exec", "run", ...}, .environment = ..., .stop = &stop});
//   if (outcome.failure) ... tell(*outcome.failure) ...
//
// A rank finds its place in its environment (rank_environment.h), opens the pool, works, delivers its result and ends with status 0.
// Nothing is left behind: ranks die with their supervisor even if that is killed, and the pool has no name.

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "executor/pool/pool.h"
#include "executor/supervisor/rank_environment.h"
#include "executor/supervisor/standstill.h"
#include "simulator/base/progress.h"

namespace ds::executor {

struct Launch {
  std::vector<std::string> arguments;    // of every rank, with the program's name; the program is this one
  std::vector<std::string> environment;  // "NAME=value"; the ranks' own variables are added
  bool pin{};                            // rank i to the i-th core allowed, where there are enough of them
  /// Once set, the ranks are asked to stop after the step that they are in.
  const StopToken* stop{};
  /// Called some twenty times a second while ranks run, and once when all have ended. May be empty.
  std::function<void()> on_look;
  /// For the others to end by themselves once one has died.
  Seconds grace{3};
  /// For all to come to the end of their step once they were asked to stop; who has not by then is killed.
  Seconds stop_grace{7};
  StandstillLimits standstill;
};

/// The first rank that did not end well, or that had to be killed since it did not go on, and what it was doing.
struct RankFailure {
  Death death;
  RankStatus status;
  std::optional<Standstill> standstill;
};

/// "rank 2 was killed by signal 9 (Killed) in step 12, call 3, instruction 40"
std::string tell(const RankFailure& failure);

struct Outcome {
  std::optional<RankFailure> failure;
  std::vector<std::vector<std::byte>> results;  // by rank, as delivered; empty where nothing was
  bool stopped{};                               // the ranks were asked to stop
  bool cut{};                                   // and were killed, since their step took too long
};

/// One thread a pool. Returns when every rank has ended and been reaped. Throws MachineError when one cannot be started.
Outcome supervise(Pool& pool, const Launch& launch);

}  // namespace ds::executor
