#pragma once
// What repeated measurements of one thing amount to.

#include <algorithm>
#include <cstddef>
#include <vector>

#include "simulator/base/error.h"

namespace ds {

/// The middle value; of an even number of values the mean of the two in the middle. There is at least one.
inline double median(std::vector<double> values) {
  ensure(!values.empty(), "a median is of something");
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  if (values.size() % 2 == 1) return *middle;
  return (*std::max_element(values.begin(), middle) + *middle) / 2;
}

/// The value that this share of them, 0 to 1, comes before in their order. There is at least one.
inline double percentile(std::vector<double> values, double share) {
  ensure(!values.empty(), "a percentile is of something");
  const auto at =
      values.begin() + static_cast<std::ptrdiff_t>(share * static_cast<double>(values.size() - 1));
  std::nth_element(values.begin(), at, values.end());
  return *at;
}

}  // namespace ds
