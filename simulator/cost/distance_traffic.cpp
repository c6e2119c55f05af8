// Algorithms in whose rounds each rank sends to the one at a distance that changes from round to round.
#include <algorithm>
#include <bit>

#include "simulator/base/error.h"
#include "simulator/cost/traffic.h"

namespace ds::cost {
namespace {

using collective::Collective;

/// Adds rounds, one after the other, in which every rank of a group sends `share` to the rank `to(rank)`.
template <class To>
void exchange(Traffic& traffic, const Fold& fold, double share, double repeats, To&& to) {
  if (repeats <= 0) return;
  Round round{.messages = {}, .repeats = repeats};
  bool across = false;
  for (std::size_t g = 0; g < fold.members.size(); ++g) {
    const std::vector<std::int32_t>& members = fold.members[g];
    const auto here = static_cast<std::int32_t>(members.size());
    for (std::int32_t i = 0; i < here; ++i) {
      const std::int32_t place = to(fold.first_index[g] + i) - fold.first_index[g];
      const bool inside = place >= 0 && place < here;
      across = across || !inside;
      const auto at = static_cast<std::size_t>(inside ? place : i);
      round.messages.push_back({.from = members[static_cast<std::size_t>(i)],
                                .to = members[at],
                                .across = !inside,
                                .share = share});
    }
  }
  traffic.rounds.push_back(std::move(round));
  (across ? traffic.hops_across : traffic.hops_inside) += repeats;
}

/// Of the numbers below n, how many have that bit.
std::int32_t with_bit(std::int32_t n, std::int32_t bit) {
  return n / (2 * bit) * bit + std::clamp(n % (2 * bit) - bit, 0, bit);
}

}  // namespace

Traffic recursive_doubling_traffic(Collective what, const Fold& fold) {
  ensure(std::has_single_bit(static_cast<std::uint32_t>(fold.ranks)), "partners at doubling distances");
  Traffic traffic;
  for (std::int32_t distance = 1; distance < fold.ranks; distance *= 2) {
    const double held = static_cast<double>(distance) / fold.ranks;
    exchange(traffic, fold, what == Collective::all_reduce ? 1 : held, 1,
             [&](std::int32_t rank) { return rank ^ distance; });
  }
  return traffic;
}

Traffic bruck_traffic(Collective what, const Fold& fold) {
  const std::int32_t n = fold.ranks;
  const bool gathers = what == Collective::all_gather;
  Traffic traffic;
  for (std::int32_t distance = 1; distance < n; distance *= 2) {
    const std::int32_t parts =
        what == Collective::all_to_all ? with_bit(n, distance) : std::min(distance, n - distance);
    exchange(traffic, fold, static_cast<double>(parts) / n, 1,
             [&](std::int32_t rank) { return (rank + (gathers ? n - distance : distance)) % n; });
  }
  return traffic;
}

Traffic grid_traffic(const Fold& fold) {
  const std::int32_t n = fold.ranks, columns = collective::grid_columns(n), rows = n / columns;
  const auto along_row = [&](std::int32_t rank) { return rank - rank % columns + (rank + 1) % columns; };
  Traffic traffic;
  exchange(traffic, fold, 1.0 / columns, columns - 1, along_row);
  exchange(traffic, fold, 1.0 / n, 2 * (rows - 1), [&](std::int32_t rank) { return (rank + columns) % n; });
  exchange(traffic, fold, 1.0 / columns, columns - 1, along_row);
  return traffic;
}

}  // namespace ds::cost
