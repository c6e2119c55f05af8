#pragma once
// What physical quantities in files may be: far beyond any machine that exists, and near enough that no sum, product or quotient
// of a few of them leaves what a double, or a whole number of bytes, can hold.

#include <span>
#include <string_view>

namespace ds {

struct Range {
  std::string_view what, unit;
  double least{}, most{};
};

inline constexpr Range kMemory{"memory of a GPU, a node, a cache", "bytes", 1, 1e15};
inline constexpr Range kByteRate{"rates of memory and links", "bytes/s", 1e3, 1e17};
inline constexpr Range kFlopRate{"rates of arithmetic", "FLOP/s", 1e6, 1e19};
inline constexpr Range kLatency{"latencies", "s", 0, 1};
inline constexpr Range kMeasuredTime{"measured times", "s", 1e-10, 1e6};
inline constexpr Range kSpread{"relative standard deviations", "", 0, 1e3};
inline constexpr Range kClock{"clocks", "Hz", 1e6, 1e12};
inline constexpr Range kPower{"power", "W", 1e-3, 1e9};
inline constexpr Range kUnits{"multiprocessors of a GPU", "", 1, 1e6};
inline constexpr Range kFactor{"slowdowns, oversubscription, pue", "", 1, 1e6};
inline constexpr Range kPrice{"prices", "USD", 0, 1e9};
inline constexpr Range kFailures{"failures a day", "", 0, 1e9};
inline constexpr Range kDuration{"times of failures and checkpoints", "s", 0, 1e9};
inline constexpr Range kMeasured{"measured metrics of a case", "", 1e-12, 1e18};

/// All of them.
inline constexpr Range kRanges[] = {kMemory, kByteRate, kFlopRate, kLatency, kMeasuredTime,
                                    kSpread, kClock,    kPower,    kUnits,   kFactor,
                                    kPrice,  kFailures, kDuration, kMeasured};

}  // namespace ds
