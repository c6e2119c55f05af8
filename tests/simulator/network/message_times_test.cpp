#include "simulator/network/message_times.h"

#include <gtest/gtest.h>

namespace ds::network {
namespace {

/// Over a link of 10 bytes a second, 2 s on the way: alone 10 bytes are there at 3. The next waits for them: 2 + 1 more.
TEST(MessageTimes, WhatWaitsSetsOutWhenTheOtherHasArrived) {
  Messages all{.capacities = {10}, .ways = {{Seconds{2}, {0}}}, .messages = {}, .orders = {}};
  const std::int32_t first = all.add(0, 10), second = all.add(0, 10);
  all.order(first, second);
  EXPECT_EQ(message_times(all), (std::vector<double>{3, 6}));
}

/// Both share the link from 2 on.
TEST(MessageTimes, WhatDoesNotWaitShares) {
  Messages all{.capacities = {10}, .ways = {{Seconds{2}, {0}}}, .messages = {}, .orders = {}};
  all.add(0, 10);
  all.add(0, 20, 2);
  EXPECT_EQ(message_times(all), (std::vector<double>{5, 5}));
}

/// Nothing to move, on a way without links: a moment at which two others have arrived.
TEST(MessageTimes, AMessageOfNoBytesMarksAMoment) {
  Messages all{
      .capacities = {1, 1}, .ways = {{Seconds{0}, {0}}, {Seconds{0}, {1}}, {}}, .messages = {}, .orders = {}};
  const std::int32_t a = all.add(0, 3), b = all.add(1, 7), both = all.add(2, 0), after = all.add(0, 1);
  all.order(a, both);
  all.order(b, both);
  all.order(both, after);
  EXPECT_EQ(message_times(all), (std::vector<double>{3, 7, 7, 8}));
}

}  // namespace
}  // namespace ds::network
