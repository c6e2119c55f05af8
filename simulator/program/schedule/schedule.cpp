#include "simulator/program/schedule/schedule.h"

#include <algorithm>

#include "simulator/base/error.h"

namespace ds::program {

std::vector<ScheduledPass> order_of(workload::Schedule schedule, std::int32_t stages, std::int32_t stage,
                                    std::int32_t micro_batches, std::int32_t chunks) {
  const workload::ScheduleEntry& entry = workload::entry_of(schedule);
  return entry.order != nullptr ? entry.order(stages, stage, micro_batches)
                                : entry.order_of_chunks(stages, stage, micro_batches, chunks);
}

bool runs(const ScheduledPass& pass, Leg leg) {
  switch (leg) {
    case Leg::forward: return pass.forward;
    case Leg::inputs: return !pass.forward && pass.gradients != Gradients::weights;
    case Leg::weights: return !pass.forward && pass.gradients != Gradients::inputs;
  }
  return false;
}

std::int32_t most_in_flight(const std::vector<ScheduledPass>& order, ChunkLeg from, ChunkLeg to) {
  const auto is = [](const ScheduledPass& pass, const ChunkLeg& one) {
    return pass.chunk == one.chunk && runs(pass, one.leg);
  };
  std::int32_t now = 0, most = 0;
  for (const ScheduledPass& pass : order) {
    now += is(pass, from) ? 1 : 0;
    most = std::max(most, now);
    now -= is(pass, to) ? 1 : 0;
  }
  return most;
}

std::int32_t slots_for(std::int32_t in_flight, bool lanes_share, std::int32_t micro_batches) {
  return std::min(in_flight + (lanes_share ? 1 : 0), micro_batches);
}

std::vector<bool> splits_backward(const std::vector<ScheduledPass>& order, std::int32_t chunks) {
  std::vector<bool> splits(static_cast<std::size_t>(chunks), false);
  for (const ScheduledPass& pass : order)
    if (!pass.forward && pass.gradients != Gradients::all)
      splits[static_cast<std::size_t>(pass.chunk)] = true;
  return splits;
}

std::int32_t shortened(workload::Schedule schedule, std::int32_t stages, std::int32_t chunks,
                       std::int32_t micro_batches, std::int32_t least) {
  if (micro_batches <= least) return micro_batches;
  const std::int32_t period = period_of(schedule, stages, chunks);
  return least + (micro_batches - least) % period;
}

}  // namespace ds::program
