#pragma once
// For the files of this part: a collective over links, played or by its formula.

#include <vector>

#include "simulator/links/links.h"

namespace ds::links {

/// An all-reduce is a reduce-scatter and then an all-gather, alike in all but direction.
inline int passes_of(Collective what) { return what == Collective::all_reduce ? 2 : 1; }
inline bool gathers_or_reduces(Collective what) {
  return what == Collective::all_reduce || what == Collective::all_gather ||
         what == Collective::reduce_scatter;
}

/// Seconds, and what the links carried.
struct Played {
  Seconds time;
  std::int64_t steps{};
  std::vector<LinkLoad> loads;
};

/// Along one dimension, a buffer of so many bytes. All groups of ranks that differ in this coordinate alone do the same at once;
/// `groups` is how many there are.
Played along_dimension(Collective what, Algorithm algorithm, const Dimension& dimension, double bytes,
                       double groups);
Played over_cluster(const Spec& spec, const Cluster& cluster);

/// How many messages `over_cluster` plays, and how many of them may be on the way at once.
struct Work {
  double messages{}, at_once{};
};
Work work_of(const Spec& spec, const Cluster& cluster);

}  // namespace ds::links
