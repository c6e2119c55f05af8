#pragma once
// When flows of known size end that share links max-min fair. Rates change the moment a flow begins or ends.

#include <cstdint>
#include <span>
#include <vector>

namespace ds::network {

struct TimedFlow {
  double start_s{};
  double bytes{};                   // may be 0: ends when it starts
  std::vector<std::int32_t> links;  // at least one
  double weight{1};                 // as many flows in one; `bytes` is their sum
};

/// Seconds at which each flow ends; capacities in bytes per second.
std::vector<double> finish_times(std::span<const double> capacities, std::span<const TimedFlow> flows);

}  // namespace ds::network
