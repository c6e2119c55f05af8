#pragma once
// What a rank's process is told by its supervisor: two variables of the environment.

#include <cstdint>
#include <optional>

namespace ds::executor {

inline constexpr const char* kRankVariable = "DS_RANK";
inline constexpr const char* kPoolVariable = "DS_POOL_FD";

struct RankEnvironment {
  std::int32_t rank{};
  int pool_descriptor{};  // for Pool::open
  bool operator==(const RankEnvironment&) const = default;
};

/// From the values of the two variables, each of which may be null. Nothing: this process is no rank. Throws InputError
/// where one is missing or is no number.
std::optional<RankEnvironment> rank_environment(const char* rank, const char* pool_descriptor);

}  // namespace ds::executor
