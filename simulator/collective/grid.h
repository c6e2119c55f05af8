#pragma once
// Ranks in a grid, the longer side across: each row, then each column, then each row again.

#include "simulator/collective/ring.h"
#include "simulator/collective/steps.h"

namespace ds::collective {

/// Rows of consecutive ranks reduce-scatter blocks of n / columns chunks, columns all-reduce theirs, rows gather: rings all of them,
/// 2 (columns - 1) + 2 (rows - 1) steps, and no more bytes than one ring moves. Source: Mikami et al., "Massively distributed SGD:
/// ImageNet/ResNet-50 training in a flash", 2018, section 2.2 (2D-torus all-reduce).
inline Steps grid_all_reduce(std::int32_t ranks) {
  const std::int32_t columns = grid_columns(ranks), rows = ranks / columns;
  Steps plan{.ranks = ranks, .chunks = ranks, .steps = {}};
  /// A ring in every row, of blocks, or in every column, of the chunks of the block that its ranks have the sums of.
  const auto around = [&](const Steps& ring, bool in_rows) {
    for (const Step& one : ring.steps) {
      Step& step = plan.steps.emplace_back();
      for (std::int32_t other = 0; other < (in_rows ? rows : columns); ++other)
        for (const Transfer& t : one.transfers) {
          const auto rank = [&](std::int32_t place) {
            return in_rows ? other * columns + place : place * columns + other;
          };
          step.transfers.push_back({.from = rank(t.from),
                                    .to = rank(t.to),
                                    .first = in_rows ? t.first * rows : other * rows + t.first,
                                    .count = in_rows ? rows : 1,
                                    .add = t.add});
        }
    }
  };
  if (columns > 1) around(ring_reduce_scatter(columns), true);
  if (rows > 1) around(ring_all_reduce(rows), false);
  if (columns > 1) around(ring_all_gather(columns), true);
  return plan;
}

}  // namespace ds::collective
