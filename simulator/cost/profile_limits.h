#pragma once
// The largest counts of a calibrated profile, for its reader and for `ds-sim limits`.

#include <cstdint>

#include "simulator/workload/limits.h"

namespace ds::cost {

inline constexpr std::int64_t kMostCores = 1LL << 20;
inline constexpr std::int64_t kMostSize =
    1LL << 30;  // of an operator: two of them multiply to a whole number of 64 bits

inline constexpr workload::Limit kProfileLimits[] = {
    {"cores and ranks of a profile", static_cast<double>(kMostCores)},
    {"sizes of what a profile has measured", static_cast<double>(kMostSize)},
};

}  // namespace ds::cost
