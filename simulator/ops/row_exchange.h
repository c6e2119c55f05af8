#pragma once
// Rows of tokens on their way to the ranks that have their experts, each once for every node that has some.

#include <algorithm>
#include <cmath>
#include <cstdint>

namespace ds::ops {

/// What decides how often a token travels. Experts stand in `groups` of as many, of which a token's come from the
/// `groups_per_token` that score highest (DeepSeek-V3, arXiv 2412.19437, section 2.1.2).
struct RowExchange {
  std::int64_t top_k{0};  // 0: no such exchange, each row goes to its rank by itself
  std::int64_t experts{}, groups{1}, groups_per_token{1};
  bool hybrid{false};  // by kernels that are made for many GPUs behind one switch
  bool rides{false};   // along with the exchange beside it; where rows go once a node, in its messages
  bool operator==(const RowExchange&) const = default;
};

/// Chance that none of `drawn` out of `all` is one of `some`: C(all - some, drawn) / C(all, drawn), also between whole numbers.
inline double chance_of_none(double all, double some, double drawn) {
  if (all - some < drawn) return 0;
  return std::exp(std::lgamma(all - some + 1) - std::lgamma(all - some - drawn + 1) - std::lgamma(all + 1) +
                  std::lgamma(all - drawn + 1));
}

/// Of `places` that have equal parts of the experts, one after the other, those that a token's experts are in, on average, if all are
/// chosen alike. Groups are chosen for their best experts, so that each chosen one is used: of 8 groups of 32 and 8 experts
/// in 4 of them, 3.98 nodes in a simulation of DeepSeek-V3's rule, 4 here.
inline double expected_places(const RowExchange& rows, double places) {
  const auto experts = static_cast<double>(rows.experts), k = static_cast<double>(rows.top_k);
  const auto groups = static_cast<double>(rows.groups);
  const double chosen = std::min(static_cast<double>(rows.groups_per_token), k);
  const double anywhere = places * (1 - chance_of_none(experts, experts / places, k));
  if (chosen >= groups) return anywhere;
  if (places >= groups) {  // parts of groups
    const double in_group = places / groups;
    return std::min(anywhere,
                    chosen * in_group * (1 - chance_of_none(experts / groups, experts / places, k / chosen)));
  }
  return places * (1 - chance_of_none(groups, groups / places, chosen));  // several groups in a place
}

}  // namespace ds::ops
