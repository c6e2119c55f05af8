// An order in which entries can be evaluated, one that comes round again where the schedule does.
#include <algorithm>
#include <array>
#include <numeric>
#include <tuple>

#include "simulator/base/error.h"
#include "simulator/maxplus/entries.h"

namespace ds::maxplus {

std::vector<std::int32_t> topological_order(const Entries& entries) {
  const auto count = static_cast<std::size_t>(entries.size());
  std::vector<std::int32_t> open(count, 0);
  std::vector<std::size_t> begins(count + 1, 0);  // of successors
  for (const Entries::EntryWait& wait : entries.waits)
    if (wait.entry != kNone) ++begins[static_cast<std::size_t>(wait.entry) + 1];
  for (std::size_t e = 0; e < count; ++e) begins[e + 1] += begins[e];
  std::vector<std::int32_t> successors(begins.back());
  std::vector<std::size_t> next(begins.begin(), begins.end() - 1);
  for (std::int32_t e = 0; e < entries.size(); ++e)
    for (const Entries::EntryWait& wait : entries.waits_of(e)) {
      if (wait.entry == kNone) continue;
      ++open[static_cast<std::size_t>(e)];
      successors[next[static_cast<std::size_t>(wait.entry)]++] = e;
    }
  std::vector<std::int32_t> order;
  order.reserve(count);
  for (std::int32_t e = 0; e < entries.size(); ++e)
    if (open[static_cast<std::size_t>(e)] == 0) order.push_back(e);
  for (std::size_t i = 0; i < order.size(); ++i) {
    const auto e = static_cast<std::size_t>(order[i]);
    for (std::size_t s = begins[e]; s < begins[e + 1]; ++s)
      if (--open[static_cast<std::size_t>(successors[s])] == 0) order.push_back(successors[s]);
  }
  ensure(order.size() == count, "classes do not wait for each other for ever");
  return order;
}

namespace {

/// Numbers of `keys` in their order, digit by digit; equal ones in that of their numbers.
std::vector<std::int32_t> in_order(const std::vector<std::uint64_t>& keys) {
  constexpr int kBits = 8;
  constexpr std::uint64_t kDigits = 1U << kBits;
  std::vector<std::int32_t> order(keys.size()), next(keys.size());
  std::iota(order.begin(), order.end(), 0);
  std::uint64_t different = 0;
  for (const std::uint64_t key : keys) different |= key ^ keys.front();
  for (int shift = 0; shift < 64 && different >> shift != 0; shift += kBits) {
    if ((different >> shift) % kDigits == 0) continue;
    const auto digit = [&](std::int32_t which) {
      return static_cast<std::size_t>((keys[static_cast<std::size_t>(which)] >> shift) % kDigits);
    };
    std::array<std::size_t, kDigits + 1> begins{};
    for (const std::int32_t which : order) ++begins[digit(which) + 1];
    for (std::size_t d = 0; d < kDigits; ++d) begins[d + 1] += begins[d];
    for (const std::int32_t which : order) next[begins[digit(which)]++] = which;
    order.swap(next);
  }
  return order;
}

}  // namespace

/// By the even clock: so stages keep step, and a schedule in full swing shows its period, which it need not when each entry
/// counts alike. What happens at one time and does not depend on each other stands side by side, so that a processor need
/// not wait for one before it begins the next: those that wait for equally many first, then in the order of their lanes.
Beats beats_of(const Entries& entries) {
  Beats beats{in_order(entries.when), {}};
  const auto when = [&](std::size_t i) { return entries.when[static_cast<std::size_t>(beats.order[i])]; };
  const auto which = [&](std::int32_t e) {
    return std::tuple(entries.waits_of(e).size(), entries.home[static_cast<std::size_t>(e)], e);
  };
  for (std::size_t i = 0, end = 0; i < beats.order.size(); i = end) {
    beats.begins.push_back(static_cast<std::int32_t>(i));
    while (end < beats.order.size() && when(end) == when(i)) ++end;
    std::ranges::sort(std::span(beats.order).subspan(i, end - i), {}, which);
  }
  beats.begins.push_back(static_cast<std::int32_t>(beats.order.size()));
  return beats;
}

}  // namespace ds::maxplus
