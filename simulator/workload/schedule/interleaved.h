#pragma once
// One forward, one backward over several chunks a stage.

#include <algorithm>

#include "simulator/workload/schedule/scheduled_pass.h"

namespace ds::workload {
/// The k-th forward of a stage; backwards take the chunks from the last to the first.
inline ScheduledPass interleaved_pass(bool forward, std::int32_t k, std::int32_t stages,
                                      std::int32_t chunks) {
  const std::int32_t round = stages * chunks;
  const std::int32_t chunk = k % round / stages;
  return {forward, k / round * stages + k % stages, forward ? chunk : chunks - 1 - chunk};
}

/// One forward, one backward over several chunks a stage: groups of `stages` micro-batches go through chunk after chunk
/// (Narayanan et al. 2021, section 2.2). `micro_batches` is a multiple of `stages`.
inline std::vector<ScheduledPass> interleaved(std::int32_t stages, std::int32_t stage,
                                              std::int32_t micro_batches, std::int32_t chunks) {
  const std::int32_t total = micro_batches * chunks;
  const std::int32_t warm_up = std::min(2 * (stages - 1 - stage) + (chunks - 1) * stages, total);
  std::vector<ScheduledPass> order;
  for (std::int32_t k = 0; k < warm_up; ++k) order.push_back(interleaved_pass(true, k, stages, chunks));
  for (std::int32_t k = warm_up; k < total; ++k) {
    order.push_back(interleaved_pass(true, k, stages, chunks));
    order.push_back(interleaved_pass(false, k - warm_up, stages, chunks));
  }
  for (std::int32_t k = total - warm_up; k < total; ++k)
    order.push_back(interleaved_pass(false, k, stages, chunks));
  return order;
}

}  // namespace ds::workload
