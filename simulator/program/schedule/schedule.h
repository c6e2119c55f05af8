#pragma once
// What lowering asks of the order in which a stage runs its passes (workload/schedule): which of a micro-batch's tensors are
// alive at once, which passes are in parts.

#include <cstdint>
#include <vector>

#include "simulator/workload/job.h"

namespace ds::program {

using workload::Gradients, workload::ScheduledPass;

/// Pipelines that a schedule runs in opposite directions, each with its share of the micro-batches.
constexpr std::int32_t directions_of(workload::Schedule schedule) {
  return workload::entry_of(schedule).directions;
}

/// Micro-batches after which a step in full swing does the same again, and of which it may have more or fewer.
constexpr std::int32_t period_of(workload::Schedule schedule, std::int32_t stages, std::int32_t chunks) {
  return workload::entry_of(schedule).in_rounds && chunks > 1 ? stages : directions_of(schedule);
}

/// The order of `schedule`.
std::vector<ScheduledPass> order_of(workload::Schedule schedule, std::int32_t stages, std::int32_t stage,
                                    std::int32_t micro_batches, std::int32_t chunks);

/// A micro-batch's way through a chunk: its forward, then its backward to the inputs, then that to the weights. Where the
/// backward is one, its two parts are at once.
enum class Leg : std::uint8_t { forward, inputs, weights };
bool runs(const ScheduledPass& pass, Leg leg);

/// Legs as bits of a set; of one that is not empty the first and the last.
constexpr int bit(Leg leg) { return 1 << static_cast<int>(leg); }
constexpr Leg first_of(int legs) {
  return (legs & bit(Leg::forward)) != 0  ? Leg::forward
         : (legs & bit(Leg::inputs)) != 0 ? Leg::inputs
                                          : Leg::weights;
}
constexpr Leg last_of(int legs) {
  return (legs & bit(Leg::weights)) != 0  ? Leg::weights
         : (legs & bit(Leg::inputs)) != 0 ? Leg::inputs
                                          : Leg::forward;
}

struct ChunkLeg {
  std::int32_t chunk{};
  Leg leg{};
};

/// Most micro-batches that have begun the one leg and have not ended the other: the slots that tensors need which the one
/// writes and the other reads last.
std::int32_t most_in_flight(const std::vector<ScheduledPass>& order, ChunkLeg from, ChunkLeg to);
/// Of a chunk, between its forward and its backward to the inputs.
inline std::int32_t most_in_flight(const std::vector<ScheduledPass>& order, std::int32_t chunk) {
  return most_in_flight(order, {chunk, Leg::forward}, {chunk, Leg::inputs});
}

/// The slots of a tensor of which so many micro-batches are alive at once. What two lanes touch has one slot more, else
/// the overlap is lost; more than the micro-batches of a step are of no use.
std::int32_t slots_for(std::int32_t in_flight, bool lanes_share, std::int32_t micro_batches);

/// By chunk, whether any backward of it is in two parts.
std::vector<bool> splits_backward(const std::vector<ScheduledPass>& order, std::int32_t chunks);

/// As few micro-batches as can be, at least so many, that differ from `micro_batches` by whole periods.
std::int32_t shortened(workload::Schedule schedule, std::int32_t stages, std::int32_t chunks,
                       std::int32_t micro_batches, std::int32_t least);

}  // namespace ds::program
