// An order in which entries can be evaluated, one that comes round again where the schedule does.
#include <algorithm>
#include <utility>

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

/// By the even clock: so stages keep step, and a schedule in full swing shows its period, which it need not when each entry
/// counts alike. What happens at one time and does not depend on each other stands side by side, so that a processor need
/// not wait for one before it begins the next: those that wait for equally many first, then in the order of their lanes.
Beats beats_of(const Entries& entries) {
  struct OrderKey {
    std::uint64_t when{}, which{};
    std::int32_t entry{};
    auto operator<=>(const OrderKey&) const = default;
  };
  std::vector<OrderKey> keys;
  keys.reserve(entries.when.size());
  for (std::int32_t e = 0; e < entries.size(); ++e)
    keys.push_back({entries.when[static_cast<std::size_t>(e)],
                    std::uint64_t{entries.waits_of(e).size()} << 32U |
                        static_cast<std::uint32_t>(entries.home[static_cast<std::size_t>(e)]),
                    e});
  std::ranges::sort(keys);
  Beats beats;
  beats.order.reserve(keys.size());
  for (std::size_t i = 0; i < keys.size(); ++i) {
    if (i == 0 || keys[i].when != keys[i - 1].when) beats.begins.push_back(static_cast<std::int32_t>(i));
    beats.order.push_back(keys[i].entry);
  }
  beats.begins.push_back(static_cast<std::int32_t>(keys.size()));
  return beats;
}

}  // namespace ds::maxplus
