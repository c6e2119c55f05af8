#pragma once
// The binomial tree: the children of rank r are r + 1, r + 2, r + 4 ... below the lowest set bit of r (rank 0: below n).
// It fits any number of ranks, and rank 0 sums pairs of neighbours first.

#include "simulator/collective/steps.h"

namespace ds::collective {
namespace binomial_tree {

/// The edges between parents and the children at that distance, downwards.
template <class Visit>
void for_each_edge(std::int32_t ranks, std::int32_t distance, Visit visit) {
  for (std::int32_t parent = 0; parent + distance < ranks; parent += 2 * distance)
    visit(parent, parent + distance);
}

/// Sums from the leaves to rank 0.
inline Steps up(std::int32_t ranks) {
  Steps plan{.ranks = ranks, .chunks = 1, .steps = {}};
  for (std::int32_t distance = 1; distance < ranks; distance *= 2) {
    Step& step = plan.steps.emplace_back();
    for_each_edge(ranks, distance, [&](std::int32_t parent, std::int32_t child) {
      step.transfers.push_back({.from = child, .to = parent, .first = 0, .count = 1, .add = true});
    });
  }
  return plan;
}

}  // namespace binomial_tree

/// Down from rank 0: the whole buffer in each of ceil(log2 n) steps, farthest children first.
inline Steps binomial_tree_broadcast(std::int32_t ranks) {
  Steps plan{.ranks = ranks, .chunks = 1, .steps = {}};
  std::int32_t distance = 1;
  while (2 * distance < ranks) distance *= 2;
  for (; distance >= 1; distance /= 2) {
    Step& step = plan.steps.emplace_back();
    binomial_tree::for_each_edge(ranks, distance, [&](std::int32_t parent, std::int32_t child) {
      step.transfers.push_back({.from = parent, .to = child, .first = 0, .count = 1});
    });
  }
  return plan;
}

/// Up a binomial tree to rank 0 and down again, the whole buffer in each of the 2 ceil(log2 n) steps.
inline Steps binomial_tree_all_reduce(std::int32_t ranks) {
  return then(binomial_tree::up(ranks), binomial_tree_broadcast(ranks));
}

}  // namespace ds::collective
