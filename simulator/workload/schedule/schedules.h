#pragma once
// The catalogue of pipeline schedules: in which order a stage runs the forward and backward of its micro-batches. An order
// follows from (stages, stage, micro-batches) with unit times, never from predicted ones, so that every rank derives the same.

#include <cstdint>
#include <string_view>
#include <vector>

#include "simulator/workload/schedule/combined.h"
#include "simulator/workload/schedule/dual_pipe.h"
#include "simulator/workload/schedule/gpipe.h"
#include "simulator/workload/schedule/interleaved.h"
#include "simulator/workload/schedule/one_forward_one_backward.h"
#include "simulator/workload/schedule/scheduled_pass.h"
#include "simulator/workload/schedule/zero_bubble_h1.h"
#include "simulator/workload/schedule/zero_bubble_v.h"

namespace ds::workload {

enum class Schedule {
  gpipe,
  one_f_one_b,
  interleaved,
  zb_h1,
  zb_v,
  dualpipe,
  combined_one_f_one_b,
  combined_interleaved
};

/// A schedule and what is true of it alone. Further rules between keys of its plans are in rules.cpp.
struct ScheduleEntry {
  std::string_view name;
  Schedule value{};
  /// Of stages with one chunk, or with several.
  std::vector<ScheduledPass> (*order)(std::int32_t stages, std::int32_t stage, std::int32_t micro_batches){};
  std::vector<ScheduledPass> (*order_of_chunks)(std::int32_t stages, std::int32_t stage,
                                                std::int32_t micro_batches, std::int32_t chunks){};
  /// A stage is cut in two chunks, which stand at mirrored places: the model goes down the ranks and back up.
  bool turns_back{false};
  std::int32_t directions{
      1};  // pipelines that run in opposite directions, each with its share of the micro-batches
  bool in_rounds{
      false};  // a stage takes turns with its chunks, as many micro-batches as there are stages at a time
  bool on_processors{false};  // the executor runs it
  /// Micro-batches a stage and direction until all stages do the same again and again: measured, and no more than a guess where
  /// to look first.
  std::int32_t settles_after{1};
};

inline constexpr ScheduleEntry kSchedules[] = {
    {.name = "gpipe", .value = Schedule::gpipe, .order = gpipe, .on_processors = true},
    {.name = "1f1b",
     .value = Schedule::one_f_one_b,
     .order = one_forward_one_backward,
     .on_processors = true},
    {.name = "interleaved",
     .value = Schedule::interleaved,
     .order_of_chunks = interleaved,
     .in_rounds = true,
     .on_processors = true,
     .settles_after = 2},
    {.name = "zb-h1", .value = Schedule::zb_h1, .order = zero_bubble_h1, .settles_after = 2},
    {.name = "zb-v",
     .value = Schedule::zb_v,
     .order_of_chunks = zero_bubble_v,
     .turns_back = true,
     .settles_after = 2},
    {.name = "dualpipe",
     .value = Schedule::dualpipe,
     .order = dual_pipe,
     .directions = 2,
     .settles_after = 3}};

/// Those that no plan names: what 1f1b and interleaved become where exchanges with experts run beside other work.
inline constexpr ScheduleEntry kCombinedSchedules[] = {
    {.name = "1f1b", .value = Schedule::combined_one_f_one_b, .order = combined_one_forward_one_backward},
    {.name = "interleaved",
     .value = Schedule::combined_interleaved,
     .order_of_chunks = combined_interleaved,
     .in_rounds = true}};
constexpr Schedule combined(Schedule schedule) {
  if (schedule == Schedule::one_f_one_b) return Schedule::combined_one_f_one_b;
  return schedule == Schedule::interleaved ? Schedule::combined_interleaved : schedule;
}

constexpr const ScheduleEntry& entry_of(Schedule schedule) {
  for (const ScheduleEntry& entry : kCombinedSchedules)
    if (entry.value == schedule) return entry;
  for (const ScheduleEntry& entry : kSchedules)
    if (entry.value == schedule) return entry;
  return kSchedules[0];
}
/// Whether some backwards are in two parts.
constexpr bool splits_backwards(Schedule schedule) {
  return schedule == Schedule::zb_h1 || schedule == Schedule::zb_v || schedule == Schedule::dualpipe;
}

}  // namespace ds::workload
