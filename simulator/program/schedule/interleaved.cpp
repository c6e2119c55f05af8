#include <algorithm>

#include "simulator/program/schedule/schedule.h"

namespace ds::program {
namespace {

/// The k-th forward of a stage; backwards take the chunks from the last to the first.
ScheduledPass pass(bool forward, std::int32_t k, std::int32_t stages, std::int32_t chunks) {
  const std::int32_t round = stages * chunks;
  const std::int32_t chunk = k % round / stages;
  return {forward, k / round * stages + k % stages, forward ? chunk : chunks - 1 - chunk};
}

}  // namespace

std::vector<ScheduledPass> interleaved(std::int32_t stages, std::int32_t stage, std::int32_t micro_batches,
                                       std::int32_t chunks) {
  const std::int32_t total = micro_batches * chunks;
  const std::int32_t warm_up = std::min(2 * (stages - 1 - stage) + (chunks - 1) * stages, total);
  std::vector<ScheduledPass> order;
  for (std::int32_t k = 0; k < warm_up; ++k) order.push_back(pass(true, k, stages, chunks));
  for (std::int32_t k = warm_up; k < total; ++k) {
    order.push_back(pass(true, k, stages, chunks));
    order.push_back(pass(false, k - warm_up, stages, chunks));
  }
  for (std::int32_t k = total - warm_up; k < total; ++k) order.push_back(pass(false, k, stages, chunks));
  return order;
}

}  // namespace ds::program
