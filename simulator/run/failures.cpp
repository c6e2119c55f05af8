// Daly's closed form, in terms that neither overflow nor cancel: all of it follows from three ratios to the time between failures.
#include "simulator/run/failures.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace ds::run {
namespace {

constexpr double kInfinite = std::numeric_limits<double>::infinity();

/// s - (1 - e^-s) = s^2/2 - s^3/6 + ...; as it stands it loses all digits below 1e-8.
double beyond_linear(double s) {
  constexpr double kSmall = 0.25;
  if (s > kSmall) return s + std::expm1(-s);
  double term = s * s / 2, sum = term;
  for (int k = 3; std::abs(term) > std::numeric_limits<double>::epsilon() * sum; ++k) sum += term *= -s / k;
  return sum;
}

/// s / (e^s - 1): 1 at 0, and 0 where e^s is more than a double holds.
double damping(double s) {
  if (s == 0) return 1;
  return std::isinf(s) ? 0 : s / std::expm1(s);
}

/// What is left of an interval's time after restarts, of their part alone: exposed time over wall time.
double exposed_share(const Failures& f) {
  if (std::isinf(f.between.value) || f.restart.value == 0) return f.between.value > 0 ? 1 : 0;
  const double r = f.restart.value / f.between.value;
  return f.restart_can_fail ? std::exp(-r) : 1 / (1 + r);
}

/// Useful over exposed time. A save that costs nothing may be made at any moment, as if nothing were ever lost.
double kept_share(const Failures& f, const std::optional<Seconds>& interval) {
  if (!interval || interval->value == 0) return 1;
  if (std::isinf(interval->value)) return 1;
  const double whole = interval->value + f.saving->write.value;
  return interval->value / whole * damping(whole / f.between.value);
}

}  // namespace

Seconds between_failures(double nodes, double per_node_day, double per_job_day) {
  const double per_day = nodes * per_node_day + per_job_day;
  return {per_day > 0 ? kSecondsPerDay / per_day : kInfinite};
}

Failures failures_of_period(Seconds period, Seconds restart, const std::optional<Saving>& saving) {
  return {.between = std::max(period - restart, Seconds{}),
          .restart = restart,
          .restart_can_fail = false,
          .saving = saving};
}

/// With x = t/M, c = C/M and s = x + c the derivative of (e^s - 1) / x is zero where x = 1 - e^-s, that is where
/// s - (1 - e^-s) = c. The left side is convex and grows, so Newton's steps from above go down to the root and never past it.
/// Of restarts nothing is left in it: they lengthen every interval by the same factor.
Seconds best_interval(Seconds between, Seconds write) {
  if (write.value == 0 || between.value == 0) return {0};
  if (std::isinf(between.value)) return between;
  const double c = write.value / between.value;
  if (std::isinf(c)) return between;
  double s = c + std::min(1.0, std::sqrt(2 * c));
  for (int step = 0; step < 100; ++step) {
    const double next = s - (beyond_linear(s) - c) / -std::expm1(-s);
    if (!(next < s)) break;
    s = next;
  }
  return {between.value * -std::expm1(-s)};
}

std::optional<Seconds> interval_of(const Failures& f) {
  if (!f.saving) return std::nullopt;
  return f.saving->interval ? f.saving->interval : best_interval(f.between, f.saving->write);
}

/// A failure strikes at a time that is exponential, cut off at t + C; what is lost is that time, and at most t:
/// t - M (x - (1 - e^-x)) / (1 - e^-s). Seldom failures lose t/2, and more where saves take long.
Seconds lost_per_failure(const Failures& f) {
  const std::optional<Seconds> interval = interval_of(f);
  if (!interval || interval->value == 0 || f.between.value == 0) return {0};
  const double t = interval->value, whole = t + f.saving->write.value;
  if (std::isinf(t)) return {kInfinite};
  const double x = t / f.between.value, s = whole / f.between.value;
  if (std::isinf(x)) return f.between;
  // (x - (1 - e^-x)) / x over 1 - e^-s, which for small ratios is half of x over s.
  constexpr double kSmall = 1e-9;
  const double done = x < kSmall ? x / 2 : beyond_linear(x) / x;
  const double kept = s < kSmall ? t / whole / 2 : done / -std::expm1(-s);
  return {t * (1 - kept)};
}

double goodput(const Failures& f) { return exposed_share(f) * kept_share(f, interval_of(f)); }

Shares shares(const Failures& f) {
  const double exposed = exposed_share(f);
  Shares result{.useful = goodput(f), .restarting = 1 - exposed};
  if (f.between.value > 0 && std::isfinite(f.between.value))
    result.again = std::min(exposed * (lost_per_failure(f).value / f.between.value), exposed - result.useful);
  result.saving = std::max(0.0, exposed - result.useful - result.again);
  return result;
}

std::optional<Seconds> elapsed(const Failures& f, Seconds useful) {
  if (useful.value == 0) return useful;
  const double wall = useful.value / goodput(f);
  return std::isfinite(wall) ? std::optional(Seconds{wall}) : std::nullopt;
}

double failures_in(const Failures& f, Seconds wall) {
  if (f.restart_can_fail) return wall.value / f.between.value;
  return wall.value / (f.between.value + f.restart.value);
}

}  // namespace ds::run
