#pragma once
// Pipeline schedules: in which order a stage runs the forward and backward of its micro-batches. An order follows from
// (stages, stage, micro-batches) with unit times, never from predicted ones, so that every rank derives the same.

#include <cstdint>
#include <vector>

#include "simulator/workload/job.h"

namespace ds::program {

/// What a backward computes: all, or the gradient that the stage before waits for now and those of weights later.
enum class Gradients : std::uint8_t { all, inputs, weights };

struct ScheduledPass {
  bool forward{};
  std::int32_t micro{};
  std::int32_t chunk{0};
  Gradients gradients{Gradients::all};  // of a backward
  bool merged{false};                   // in one call with the pass before it
  bool operator==(const ScheduledPass&) const = default;
};

/// All forwards, then all backwards (Huang et al. 2019).
std::vector<ScheduledPass> gpipe(std::int32_t stages, std::int32_t stage, std::int32_t micro_batches);

/// One forward, one backward, after stages - 1 - stage forwards (PipeDream-Flush, Narayanan et al. 2021, section 2.2).
std::vector<ScheduledPass> one_forward_one_backward(std::int32_t stages, std::int32_t stage,
                                                    std::int32_t micro_batches);

/// One forward, one backward over several chunks a stage: groups of `stages` micro-batches go through chunk after chunk
/// (Narayanan et al. 2021, section 2.2). `micro_batches` is a multiple of `stages`.
std::vector<ScheduledPass> interleaved(std::int32_t stages, std::int32_t stage, std::int32_t micro_batches,
                                       std::int32_t chunks);

/// 1f1b with a backward in two parts: gradients of weights wait until they fill what would be a bubble, but never so
/// long that a stage holds more micro-batches than the first does (ZB-H1, Qi et al. 2024, section 2.3).
std::vector<ScheduledPass> zero_bubble_h1(std::int32_t stages, std::int32_t stage,
                                          std::int32_t micro_batches);

/// Two pipelines in opposite directions: chunk 0 of a rank is stage `rank` of the one, which takes the first half of the
/// micro-batches, chunk 1 is stage `stages - 1 - rank` of the other. A forward of the one and a backward of the other run
/// as one call (DualPipe, DeepSeek-AI 2024, section 3.2.1; the order is that of the code published with it).
/// `stages` and `micro_batches` are even, micro_batches >= 2 stages.
std::vector<ScheduledPass> dual_pipe(std::int32_t stages, std::int32_t rank, std::int32_t micro_batches);

/// Pipelines that a schedule runs in opposite directions, each with its share of the micro-batches.
constexpr std::int32_t directions_of(workload::Schedule schedule) {
  return schedule == workload::Schedule::dualpipe ? 2 : 1;
}

/// Micro-batches after which a step in full swing does the same again, and of which it may have more or fewer.
constexpr std::int32_t period_of(workload::Schedule schedule, std::int32_t stages) {
  if (schedule == workload::Schedule::interleaved) return stages;
  return directions_of(schedule);
}

/// The order of `schedule`, which is one of those that workload::first_unsupported lets through.
std::vector<ScheduledPass> order_of(workload::Schedule schedule, std::int32_t stages, std::int32_t stage,
                                    std::int32_t micro_batches, std::int32_t chunks);

/// A micro-batch's way through a chunk: its forward, then its backward to the inputs, then that to the weights. Where the
/// backward is one, its two parts are at once.
enum class Leg : std::uint8_t { forward, inputs, weights };
bool runs(const ScheduledPass& pass, Leg leg);

/// Most micro-batches of a chunk that have begun the one leg and have not ended the other: the slots that tensors need
/// which the one writes and the other reads last.
std::int32_t most_in_flight(const std::vector<ScheduledPass>& order, std::int32_t chunk,
                            Leg from = Leg::forward, Leg to = Leg::inputs);

/// The slots of a tensor of which so many micro-batches are alive at once. What two lanes touch has one slot more, else
/// the overlap is lost; more than the micro-batches of a step are of no use.
std::int32_t slots_for(std::int32_t in_flight, bool lanes_share, std::int32_t micro_batches);

/// Whether any backward of a chunk is in two parts.
bool splits_backward(const std::vector<ScheduledPass>& order, std::int32_t chunk);

}  // namespace ds::program
