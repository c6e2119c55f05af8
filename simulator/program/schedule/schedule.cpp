#include "simulator/program/schedule/schedule.h"

#include <algorithm>

#include "simulator/base/error.h"

namespace ds::program {

std::vector<ScheduledPass> order_of(workload::Schedule schedule, std::int32_t stages, std::int32_t stage,
                                    std::int32_t micro_batches, std::int32_t chunks) {
  using workload::Schedule;
  switch (schedule) {
    case Schedule::gpipe: return gpipe(stages, stage, micro_batches);
    case Schedule::one_f_one_b: return one_forward_one_backward(stages, stage, micro_batches);
    case Schedule::interleaved: return interleaved(stages, stage, micro_batches, chunks);
    case Schedule::zb_h1:
    case Schedule::zb_v:
    case Schedule::dualpipe: break;
  }
  throw InputError("plan.schedule", "this schedule is not supported yet", "gpipe, 1f1b and interleaved are");
}

std::int32_t most_in_flight(const std::vector<ScheduledPass>& order, std::int32_t chunk) {
  std::int32_t now = 0, most = 0;
  for (const ScheduledPass& pass : order) {
    if (pass.chunk != chunk) continue;
    now += pass.forward ? 1 : -1;
    most = std::max(most, now);
  }
  return most;
}

}  // namespace ds::program
