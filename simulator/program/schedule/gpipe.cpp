#include "simulator/program/schedule/schedule.h"

namespace ds::program {

std::vector<ScheduledPass> gpipe(std::int32_t /*stages*/, std::int32_t /*stage*/,
                                 std::int32_t micro_batches) {
  std::vector<ScheduledPass> order;
  for (const bool forward : {true, false})
    for (std::int32_t m = 0; m < micro_batches; ++m) order.push_back({forward, m});
  return order;
}

}  // namespace ds::program
