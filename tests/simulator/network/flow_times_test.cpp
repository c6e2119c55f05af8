#include "simulator/network/flow_times.h"

#include <gtest/gtest.h>

namespace ds::network {
namespace {

/// 10 bytes alone for 1 s at rate 6, then shared with a second flow: 4 left at 3 a second.
TEST(FlowTimes, ALateFlowTakesItsShareFromItsStartOn) {
  const double capacities[] = {6};
  const TimedFlow flows[] = {{.start_s = 0, .bytes = 10, .links = {0}},
                             {.start_s = 1, .bytes = 6, .links = {0}},
                             {.start_s = 9, .bytes = 0, .links = {0}}};
  const std::vector<double> end = finish_times(capacities, flows);
  EXPECT_DOUBLE_EQ(end[0], 1 + 4.0 / 3);
  EXPECT_DOUBLE_EQ(end[1], 1 + 4.0 / 3 + 2.0 / 6);  // 4 of its 6 bytes were moved by then
  EXPECT_DOUBLE_EQ(end[2], 9);
}

}  // namespace
}  // namespace ds::network
