// How long a batch job may take: as predicted, and more.
#include <fmt/format.h>

#include <cmath>

#include "simulator/export/trainers.h"

namespace ds::exports {
namespace {

/// Steps differ, checkpoints are written, and starting thousands of processes takes minutes. No measurement: a limit that is too
/// short kills the run, one that is too long makes it wait longer in the queue.
constexpr double kMargin = 0.10;
constexpr double kStartMinutes = 15;

}  // namespace

TimeLimit time_limit(std::int64_t steps, Seconds step_time) {
  const double minutes = static_cast<double>(steps) * step_time.value * (1 + kMargin) / 60 + kStartMinutes;
  const auto whole = static_cast<std::int64_t>(std::ceil(minutes));
  constexpr std::int64_t kDay = 1440;  // minutes
  const std::int64_t days = whole / kDay, rest = whole % kDay;
  return {.text = fmt::format("{}-{:02}:{:02}:00", days, rest / 60, rest % 60),
          .why = fmt::format("{} steps of {:.3g} s as predicted, {:.0f} % more, and {:.0f} minutes to start",
                             steps, step_time.value, 100 * kMargin, kStartMinutes)};
}

}  // namespace ds::exports
