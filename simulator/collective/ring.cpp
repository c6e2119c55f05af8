#include "simulator/collective/algorithms.h"

namespace ds::collective {
namespace {

/// `value` modulo `ranks`, never negative; value is at least -ranks.
std::int32_t wrap(std::int32_t value, std::int32_t ranks) { return (value + ranks) % ranks; }

/// In step s rank r sends chunk r + offset - s to the next.
Steps around(std::int32_t ranks, std::int32_t offset, bool add) {
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

}  // namespace

/// Chunk c sets out at rank c + 1, and comes home complete after n - 1 steps.
Steps ring_reduce_scatter(std::int32_t ranks) { return around(ranks, -1, true); }

/// Chunk c sets out at rank c, where it was given.
Steps ring_all_gather(std::int32_t ranks) { return around(ranks, 0, false); }

Steps ring_all_reduce(std::int32_t ranks) { return then(ring_reduce_scatter(ranks), ring_all_gather(ranks)); }

/// Chunk c leaves rank r in step r + c; the last one arrives at the last rank in step 2 n - 3.
Steps ring_broadcast(std::int32_t ranks) {
  Steps plan{.ranks = ranks, .chunks = ranks, .steps = {}};
  for (std::int32_t s = 0; s <= 2 * ranks - 3; ++s) {
    Step& step = plan.steps.emplace_back();
    for (std::int32_t r = 0; r < ranks - 1; ++r)
      if (const std::int32_t chunk = s - r; chunk >= 0 && chunk < ranks)
        step.transfers.push_back({.from = r, .to = r + 1, .first = chunk, .count = 1});
  }
  return plan;
}

Steps shift(std::int32_t ranks) {
  Step step;
  for (std::int32_t r = 0; r < ranks; ++r)
    step.transfers.push_back({.from = r, .to = wrap(r + 1, ranks), .first = 0, .count = 1});
  return {.ranks = ranks, .chunks = 1, .steps = {step}};
}

}  // namespace ds::collective
