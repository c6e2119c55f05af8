// Poisson's distribution by its own terms; of means beyond 1e10 a normal one, which is the same to five digits of its width.
#include "cli/validation/poisson.h"

#include <cmath>
#include <cstdint>

namespace ds::cli {
namespace {

double log_term(double mean, double count) { return count * std::log(mean) - mean - std::lgamma(count + 1); }

/// Terms fall off on both sides of the mean, so a sum goes away from it until nothing is added.
double at_most(double mean, double count) {
  if (count < 0) return 0;
  constexpr double kLargest = 1e10, kNothing = 1e-17;
  if (mean > kLargest) return std::erfc((mean - count - 0.5) / std::sqrt(2 * mean)) / 2;
  double sum = 0;
  if (count < mean) {
    double term = std::exp(log_term(mean, count));
    for (std::int64_t down = 0; term > kNothing * sum; ++down) {
      sum += term;
      term *= (count - static_cast<double>(down)) / mean;  // 0 below a count of none
    }
    return sum;
  }
  double term = std::exp(log_term(mean, count + 1));
  for (std::int64_t up = 2; term > kNothing; ++up) {
    sum += term;
    term *= mean / (count + static_cast<double>(up));
  }
  return 1 - sum;
}

}  // namespace

double poisson_quantile(double mean, double probability) {
  if (mean <= 0) return 0;
  // Beyond 40 widths there is less than any double below 1 leaves.
  const double reach = 40 * std::sqrt(mean) + 40;
  double below = std::floor(mean - reach), above = std::ceil(mean + reach);
  if (below < 0) below = -1;
  while (above - below > 1) {
    const double middle = std::floor(below + (above - below) / 2);
    if (middle <= below || middle >= above) break;  // counts beyond 2^53 are not told apart
    (at_most(mean, middle) >= probability ? above : below) = middle;
  }
  return above;
}

}  // namespace ds::cli
