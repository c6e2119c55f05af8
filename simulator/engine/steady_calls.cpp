// Tries the distances at which the call in the middle comes again.
#include "simulator/engine/steady_calls.h"

#include <algorithm>
#include <iterator>

namespace ds::engine {
namespace {

/// Micro-batches from one call of a template to the other; 0 where these do not go on alike.
std::int32_t further(const program::Call& from, const program::Call& to) {
  if (from.body != to.body) return 0;
  std::int32_t result = 0;
  for (std::size_t i = 0; i < std::size(from.micro); ++i) {
    const std::int32_t by = to.micro[i] - from.micro[i];
    if ((from.micro[i] < 0) != (to.micro[i] < 0) || (from.micro[i] >= 0 && result != 0 && by != result))
      return 0;
    if (from.micro[i] >= 0) result = by;
  }
  return std::max(result, 0);
}

}  // namespace

SteadyCalls steady_calls(std::span<const program::Call> calls) {
  const auto count = static_cast<std::int32_t>(calls.size());
  const auto at = [&](std::int32_t c) -> const program::Call& { return calls[static_cast<std::size_t>(c)]; };
  const std::int32_t middle = count / 2;
  SteadyCalls longest;
  for (std::int32_t period = 1; middle + period < count && 2 * period <= count; ++period) {
    const std::int32_t micro_batches = further(at(middle), at(middle + period));
    if (micro_batches == 0) continue;
    const auto repeats = [&](std::int32_t c) { return further(at(c), at(c + period)) == micro_batches; };
    SteadyCalls one{middle, middle + 1, period, micro_batches};
    while (one.begin > 0 && repeats(one.begin - 1)) --one.begin;
    while (one.end + period < count && repeats(one.end)) ++one.end;
    one.end += period;
    if (one.end - one.begin > longest.end - longest.begin) longest = one;
    if (2 * (longest.end - longest.begin) > count) break;
  }
  return longest;
}

}  // namespace ds::engine
