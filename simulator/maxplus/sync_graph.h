#pragma once
// What is left of a class's step once everything local has been folded into weights.

#include <cstdint>
#include <span>
#include <vector>

#include "simulator/maxplus/outline.h"
#include "simulator/maxplus/weights.h"

namespace ds::maxplus {

/// A point begins no earlier than `weight` after the point `from` has ended.
struct SyncEdge {
  std::int32_t from{kNone};    // point; none: the step's begin
  std::int32_t weight{kNone};  // none: no time
  bool step_before{};          // `from` is of the step before
  std::int32_t
      beats{};  // how far on in the schedule, a call being kBeatsOfCall; only an order follows from it
  bool operator==(const SyncEdge&) const = default;
};

inline constexpr std::int32_t kBeatsOfCall = 5040;

struct SyncPoint {
  std::int32_t item{};          // of the outline
  std::int32_t lane{};          // of that item
  std::int32_t channel{kNone};  // none: local
  std::int32_t seconds{kNone};  // weight: what it takes; where classes meet, by this class's count
  std::int32_t beats{};
  std::int32_t first_edge{}, edges{};
  bool operator==(const SyncPoint&) const = default;
};

/// Points in issue order, counted from the cut if there is one: the last point is then the cut's item. It has as many
/// points as the class has calls and messages; layers and lanes of its own do not count.
struct SyncGraph {
  std::vector<SyncPoint> points;
  std::vector<SyncEdge> edges;
  std::vector<std::int32_t> last;  // without a cut: points that are the last of their lanes
  bool cut{};
  WeightFormulas formulas;
  bool operator==(const SyncGraph&) const = default;

  std::span<const SyncEdge> edges_of(const SyncPoint& point) const {
    return std::span(edges).subspan(static_cast<std::size_t>(point.first_edge),
                                    static_cast<std::size_t>(point.edges));
  }
};

/// Eliminates what is local. `cut` is the item at which the step ends (find_cut), or kNone.
///
/// A local item goes where that costs no edges: it follows one other or one other follows it, or two and two. Within a call
/// that may go on and on, so that layers and whatever runs beside them leave no trace. Beyond a call it goes along a chain
/// that nothing branches off, and where the item follows messages alone: else weights would be sums over as many calls as
/// lie behind, each of them a number of its own.
SyncGraph reduce(const Outline& outline, std::int32_t cut);

/// The same class with fewer waits, for a lower bound: only the first and the last message of each channel are waited for
/// and wait, the others take their lane's time and no more. `cut` as in reduce.
Outline relax(const Outline& outline, std::int32_t cut);

/// When an item could begin for all that its class knows, and when it ended. A local one begins then.
struct ItemTime {
  double ready{}, end{};
};

/// Times of all items of a class, from those of its points: `ends` by point, `before` those of the step before (only
/// without a cut). With a cut, times count from the step's begin and items issued behind the cut are those that follow the
/// last one; in seconds.
std::vector<ItemTime> times_of_items(const Outline& outline, const SyncGraph& graph, std::int32_t cut,
                                     std::span<const double> durations, std::span<const double> ends,
                                     std::span<const double> before = {});

}  // namespace ds::maxplus
