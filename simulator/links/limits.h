#pragma once
// What is played: links of any speed, and as many ranks, messages and flows as take some seconds.

#include <cstdint>

#include "simulator/base/range.h"
#include "simulator/workload/limits.h"

namespace ds::links {

inline constexpr Range kStatedRate{"rates of links of ds-sim collective", "bytes/s", 1e-3, 1e18};
inline constexpr Range kStatedBytes{"bytes of a collective or a flow", "bytes", 0, 1e18};
inline constexpr Range kStatedLatency{"latencies of links of ds-sim collective", "s", 0, 1e9};
inline constexpr Range kStatedRanges[] = {kStatedRate, kStatedBytes, kStatedLatency};

inline constexpr std::int64_t kMaxDimensions = 16;
inline constexpr std::int64_t kMaxRings = 1LL << 12;
/// On a ring of links with partners that are no neighbours: where every message is played, and where those of one distance are
/// played as one.
inline constexpr std::int64_t kMaxPlayedRanks = 64, kMaxDistances = 1LL << 12;
/// On the one node that stands for all of a cluster; and these times how many are on the way at once.
inline constexpr double kMaxMessages = 1 << 20, kMaxMeetings = 1 << 27;
inline constexpr std::int64_t kMaxLinks = 1LL << 16;
inline constexpr std::int64_t kMaxFlows = 1LL << 13;
/// Rates are looked at anew whenever a flow begins or ends.
inline constexpr std::int64_t kMaxFlowsTimesPlaces = 1LL << 27;

inline constexpr workload::Limit kLimits[] = {
    {"dimensions of a collective's topology", static_cast<double>(kMaxDimensions)},
    {"rings of a collective", static_cast<double>(kMaxRings)},
    {"ranks of halving_doubling on a ring of links", static_cast<double>(kMaxPlayedRanks)},
    {"ranks of direct on a ring of links", static_cast<double>(kMaxDistances)},
    {"messages of a collective that a node of a cluster sends", kMaxMessages},
    {"these times those that are on the way at once", kMaxMeetings},
    {"links that flows share", static_cast<double>(kMaxLinks)},
    {"flows that share links", static_cast<double>(kMaxFlows)},
    {"flows times the links that they go over in all", static_cast<double>(kMaxFlowsTimesPlaces)},
};

}  // namespace ds::links
