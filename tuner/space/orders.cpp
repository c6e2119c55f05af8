// Orders of passes, compared as lowering makes them.
#include "tuner/space/orders.h"

#include <algorithm>

#include "simulator/program/schedule/schedule.h"

namespace ds::tuner {
namespace {

using program::ScheduledPass;
using workload::Schedule;

std::vector<ScheduledPass> order(Schedule schedule, std::int64_t stages, std::int64_t stage,
                                 std::int64_t micro_batches) {
  return program::order_of(schedule, static_cast<std::int32_t>(stages), static_cast<std::int32_t>(stage),
                           static_cast<std::int32_t>(micro_batches), 1);
}

bool same_passes(std::vector<ScheduledPass> a, std::vector<ScheduledPass> b) {
  const auto by_pass = [](const ScheduledPass& pass) {
    return std::tuple(pass.chunk, pass.micro, pass.forward, pass.gradients, pass.merged);
  };
  std::ranges::sort(a, {}, by_pass);
  std::ranges::sort(b, {}, by_pass);
  return a == b;
}

bool is_like_1f1b(Schedule schedule, std::int64_t stages, std::int64_t micro_batches) {
  for (std::int64_t stage = 0; stage < stages; ++stage) {
    const std::vector<ScheduledPass> one = order(schedule, stages, stage, micro_batches);
    const std::vector<ScheduledPass> plain = order(Schedule::one_f_one_b, stages, stage, micro_batches);
    if (one == plain) continue;
    if (stages > 1 || !same_passes(one, plain) ||
        program::most_in_flight(one, 0) < program::most_in_flight(plain, 0))
      return false;
  }
  return true;
}

}  // namespace

bool OrdersLike1f1b::has(Schedule schedule, std::int64_t stages, std::int64_t micro_batches) {
  return known_.of({schedule, stages, micro_batches},
                   [&] { return is_like_1f1b(schedule, stages, micro_batches); });
}

}  // namespace ds::tuner
