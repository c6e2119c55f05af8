// Reads the two variables that a supervisor sets for a rank.
#include "executor/supervisor/rank_environment.h"

#include <fmt/format.h>

#include <charconv>
#include <cstring>

#include "simulator/base/error.h"

namespace ds::executor {
namespace {

std::int32_t number(const char* name, const char* text) {
  std::int32_t value = -1;
  const char* end = text == nullptr ? nullptr : text + std::strlen(text);
  const bool whole =
      text != nullptr && std::from_chars(text, end, value) == std::from_chars_result{end, std::errc{}};
  if (!whole || value < 0)
    throw InputError(
        name, text == nullptr ? std::string("is missing") : fmt::format("is '{}', which is no number", text),
        fmt::format("only ds-exec itself sets {} and {}; unset both", kRankVariable, kPoolVariable));
  return value;
}

}  // namespace

std::optional<RankEnvironment> rank_environment(const char* rank, const char* pool_descriptor) {
  if (rank == nullptr && pool_descriptor == nullptr) return std::nullopt;
  return RankEnvironment{.rank = number(kRankVariable, rank),
                         .pool_descriptor = number(kPoolVariable, pool_descriptor)};
}

}  // namespace ds::executor
