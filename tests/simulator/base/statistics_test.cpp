#include "simulator/base/statistics.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace ds {
namespace {

TEST(Median, IsTheMiddleValueInWhateverOrderTheyCome) {
  std::vector<double> values = {-3, 1, 2, 50, 1000};
  do EXPECT_EQ(median(values), 2);
  while (std::ranges::next_permutation(values).found);
}

TEST(Median, OfAnEvenNumberLiesBetweenTheTwoInTheMiddle) {
  std::vector<double> values = {-3, 1, 2, 50};
  do EXPECT_EQ(median(values), 1.5);
  while (std::ranges::next_permutation(values).found);
  EXPECT_EQ(median({4, 8}), 6);
}

TEST(Median, OfOneValueIsThatValue) { EXPECT_EQ(median({7}), 7); }

TEST(Median, OfNothingIsRefused) { EXPECT_THROW(median({}), std::logic_error); }

}  // namespace
}  // namespace ds
