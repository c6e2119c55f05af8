#pragma once
// Failures that stop a job, and saves that keep what it has done: the closed form of J. T. Daly, "A higher order estimate of the
// optimum checkpoint interval for restart dumps", Future Generation Computer Systems 22 (2006).
//
//   const Failures failures{.between = {10000}, .restart = {300}, .restart_can_fail = true,
//                           .saving = Saving{.write = {20}, .interval = {}}};       // none: the best one
//   goodput(failures)                                                              // 0.910: share of the time that counts
//
// Times between failures are exponential. With M = `between`, C = `write`, R = `restart`, the mean wall time for an interval t of
// useful work is e^(R/M) M (e^((t+C)/M) - 1) where restarts can fail, and (M + R) (e^((t+C)/M) - 1) where they cannot.

#include <optional>

#include "simulator/base/units.h"

namespace ds::run {

inline constexpr double kSecondsPerDay = 86400, kSecondsPerHour = 3600;

struct Saving {
  Seconds write;                    // that a save stops training for; 0: saves cost nothing
  std::optional<Seconds> interval;  // of useful work between two saves, above 0; none: the best one
};

struct Failures {
  Seconds between;  // of the whole job, on average, while it is exposed to them; infinite: there are none
  Seconds restart;  // from a failure to training again, noticing it included
  /// Whether they strike during restarts as well, which then begin again; else during work and saves alone.
  bool restart_can_fail{false};
  std::optional<Saving> saving;  // none: nothing is lost at a failure, and nothing is spent on saves
};

/// Of independent nodes in series, and of what stops a job of any size; infinite where nothing does.
Seconds between_failures(double nodes, double per_node_day, double per_job_day);

/// `period` is the mean wall time from one failure to the next with every stall in it, as a log shows it. A log does not tell
/// restarts that failed apart, so in it none has. Nothing is ever done where restarts take all of the period: `between` is 0.
Failures failures_of_period(Seconds period, Seconds restart, const std::optional<Saving>& saving);

/// Useful work between two saves that makes goodput largest: 0 where saves cost nothing, infinite where nothing fails.
Seconds best_interval(Seconds between, Seconds write);

/// Of those failures: the interval that is given, or the best one; none without saves.
std::optional<Seconds> interval_of(const Failures& failures);

/// Useful work that has to be done again after a failure of a job at work, on average.
Seconds lost_per_failure(const Failures& failures);

/// Where the wall time of a long run goes; the shares add up to 1.
struct Shares {
  double useful{};      // goodput
  double again{};       // work that was lost
  double saving{};      // saves, whether they ended or not
  double restarting{};  // restarts, whether they ended or not
};
Shares shares(const Failures& failures);

/// Useful time over wall time in the long run, 0 to 1. It is 0 where a run makes no progress in any time that a double can hold.
double goodput(const Failures& failures);

/// Wall time that so much useful work takes; none where that never ends.
std::optional<Seconds> elapsed(const Failures& failures, Seconds useful);

/// Expected in so much wall time, those during restarts included where these can fail.
double failures_in(const Failures& failures, Seconds wall);

}  // namespace ds::run
