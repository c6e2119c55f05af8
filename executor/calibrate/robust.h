#pragma once
// A middle and a spread of repeated measurements.

#include <cmath>
#include <vector>

#include "simulator/base/statistics.h"

namespace ds::executor {

/// What repeated measurements say, undisturbed by a few bad ones.
struct Robust {
  double centre{};  // median
  double sigma{};   // relative: median absolute deviation x 1.4826
};

inline Robust robust(const std::vector<double>& values) {
  const double centre = median(values);
  std::vector<double> deviations;
  for (const double value : values) deviations.push_back(std::abs(value - centre));
  return {centre, 1.4826 * median(deviations) / centre};
}

}  // namespace ds::executor
