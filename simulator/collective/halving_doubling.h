#pragma once
// Partners at halving, then at doubling distance; powers of two only.

#include "simulator/collective/steps.h"

namespace ds::collective {
namespace halving_doubling {

/// First chunk of the aligned block of `size` chunks (a power of two) that holds chunk `rank`.
inline std::int32_t block(std::int32_t rank, std::int32_t size) { return rank & ~(size - 1); }

}  // namespace halving_doubling

/// At distance d a rank holds partial sums of its block of 2 d chunks, keeps the half in which its own chunk lies and
/// gives the other to its partner. Blocks go by the high bits of the rank, so that chunk r ends at rank r.
inline Steps halving_doubling_reduce_scatter(std::int32_t ranks) {
  Steps plan{.ranks = ranks, .chunks = ranks, .steps = {}};
  for (std::int32_t distance = ranks / 2; distance >= 1; distance /= 2) {
    Step& step = plan.steps.emplace_back();
    for (std::int32_t r = 0; r < ranks; ++r) {
      const std::int32_t partner = r ^ distance;
      step.transfers.push_back({.from = r,
                                .to = partner,
                                .first = halving_doubling::block(partner, distance),
                                .count = distance,
                                .add = true});
    }
  }
  return plan;
}

/// The same backwards: at distance d a rank gives its block of d chunks, and has one of 2 d afterwards.
inline Steps halving_doubling_all_gather(std::int32_t ranks) {
  Steps plan{.ranks = ranks, .chunks = ranks, .steps = {}};
  for (std::int32_t distance = 1; distance < ranks; distance *= 2) {
    Step& step = plan.steps.emplace_back();
    for (std::int32_t r = 0; r < ranks; ++r)
      step.transfers.push_back(
          {.from = r, .to = r ^ distance, .first = halving_doubling::block(r, distance), .count = distance});
  }
  return plan;
}

/// Recursive halving and doubling: log2 n steps, all_reduce twice that. Source: Thakur, Rabenseifner and Gropp,
/// "Optimization of collective communication operations in MPICH", 2005.
inline Steps halving_doubling_all_reduce(std::int32_t ranks) {
  return then(halving_doubling_reduce_scatter(ranks), halving_doubling_all_gather(ranks));
}

}  // namespace ds::collective
