#pragma once
// The ring: each rank sends to the next only.

#include "simulator/collective/steps.h"

namespace ds::collective {
namespace ring {

/// `value` modulo `ranks`, never negative; value is at least -ranks.
inline std::int32_t wrap(std::int32_t value, std::int32_t ranks) { return (value + ranks) % ranks; }

/// In step s rank r sends chunk r + offset - s to the next.
inline Steps around(std::int32_t ranks, std::int32_t offset, bool add) {
  Steps plan{.ranks = ranks, .chunks = ranks, .steps = {}};
  for (std::int32_t s = 0; s < ranks - 1; ++s) {
    Step& step = plan.steps.emplace_back();
    for (std::int32_t r = 0; r < ranks; ++r)
      step.transfers.push_back({.from = r,
                                .to = wrap(r + 1, ranks),
                                .first = wrap(wrap(r + offset, ranks) - s, ranks),
                                .count = 1,
                                .add = add});
  }
  return plan;
}

}  // namespace ring

/// Chunk c sets out at rank c + 1, and comes home complete after n - 1 steps.
inline Steps ring_reduce_scatter(std::int32_t ranks) { return ring::around(ranks, -1, true); }

/// Chunk c sets out at rank c, where it was given.
inline Steps ring_all_gather(std::int32_t ranks) { return ring::around(ranks, 0, false); }

/// Each sends to the next only: n - 1 steps of one of n chunks, all_reduce 2 (n - 1). Source: Patarasuk and Yuan,
/// "Bandwidth optimal all-reduce algorithms for clusters of workstations", 2009.
inline Steps ring_all_reduce(std::int32_t ranks) {
  return then(ring_reduce_scatter(ranks), ring_all_gather(ranks));
}

/// A chain from rank 0 on, chunk behind chunk: 2 (n - 1) steps. Chunk c leaves rank r in step r + c; the last one arrives
/// at the last rank in step 2 n - 3.
inline Steps ring_broadcast(std::int32_t ranks) {
  Steps plan{.ranks = ranks, .chunks = ranks, .steps = {}};
  for (std::int32_t s = 0; s <= 2 * ranks - 3; ++s) {
    Step& step = plan.steps.emplace_back();
    for (std::int32_t r = 0; r < ranks - 1; ++r)
      if (const std::int32_t chunk = s - r; chunk >= 0 && chunk < ranks)
        step.transfers.push_back({.from = r, .to = r + 1, .first = chunk, .count = 1});
  }
  return plan;
}

/// One step: everything to the next. The same under `direct`.
inline Steps shift(std::int32_t ranks) {
  Step step;
  for (std::int32_t r = 0; r < ranks; ++r)
    step.transfers.push_back({.from = r, .to = ring::wrap(r + 1, ranks), .first = 0, .count = 1});
  return {.ranks = ranks, .chunks = 1, .steps = {step}};
}

}  // namespace ds::collective
