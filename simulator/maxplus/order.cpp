// An order in which entries can be evaluated, one that comes round again where the schedule does.
#include <algorithm>
#include <utility>

#include "simulator/base/error.h"
#include "simulator/maxplus/entries.h"

namespace ds::maxplus {

/// Beat by beat, all that can follow do. Those of a beat do not depend on each other, so a processor need not wait for one
/// before it begins the next; those that wait for equally many stand side by side, in the order of their lanes.
Beats beats_of(const Entries& entries) {
  const auto count = static_cast<std::size_t>(entries.size());
  std::vector<std::int32_t> open(count, 0);
  std::vector<std::size_t> begins(count + 1, 0);  // of successors
  for (const Entries::Wait& wait : entries.waits)
    if (wait.entry != kNone) ++begins[static_cast<std::size_t>(wait.entry) + 1];
  for (std::size_t e = 0; e < count; ++e) begins[e + 1] += begins[e];
  std::vector<std::int32_t> successors(begins.back());
  std::vector<std::size_t> next(begins.begin(), begins.end() - 1);
  for (std::int32_t e = 0; e < entries.size(); ++e)
    for (const Entries::Wait& wait : entries.waits_of(e)) {
      if (wait.entry == kNone) continue;
      ++open[static_cast<std::size_t>(e)];
      successors[next[static_cast<std::size_t>(wait.entry)]++] = e;
    }

  const auto key = [&](std::int32_t e) {
    return std::pair(static_cast<std::uint64_t>(entries.waits_of(e).size()) << 32U |
                         static_cast<std::uint32_t>(entries.home[static_cast<std::size_t>(e)]),
                     e);
  };
  Beats beats;
  beats.order.reserve(count);
  beats.begins.push_back(0);
  std::vector<std::pair<std::uint64_t, std::int32_t>> now, later;
  for (std::int32_t e = 0; e < entries.size(); ++e)
    if (open[static_cast<std::size_t>(e)] == 0) now.push_back(key(e));
  while (!now.empty()) {
    std::ranges::sort(now);
    later.clear();
    for (const auto& [unused, entry] : now) {
      beats.order.push_back(entry);
      const auto e = static_cast<std::size_t>(entry);
      for (std::size_t s = begins[e]; s < begins[e + 1]; ++s)
        if (--open[static_cast<std::size_t>(successors[s])] == 0) later.push_back(key(successors[s]));
    }
    beats.begins.push_back(static_cast<std::int32_t>(beats.order.size()));
    std::swap(now, later);
  }
  ensure(beats.order.size() == count, "classes do not wait for each other for ever");
  return beats;
}

}  // namespace ds::maxplus
