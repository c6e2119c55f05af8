// Reads --trace-ranks.
#include "cli/session/traces.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <optional>
#include <set>

#include "simulator/base/error.h"
#include "simulator/base/json.h"

namespace ds::cli {
namespace {

constexpr std::size_t kMostRanks = 1024;

std::optional<std::int32_t> number(std::string_view text) {
  std::int32_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || value < 0) return std::nullopt;
  return value;
}

}  // namespace

report::TraceFormat trace_format(std::string_view target) {
  if (target.ends_with(".gz")) target.remove_suffix(3);
  return target.ends_with(".pftrace") ? report::TraceFormat::perfetto : report::TraceFormat::json;
}

std::vector<std::int32_t> trace_ranks(std::string_view list, std::int32_t ranks) {
  std::set<std::int32_t> all;
  for (std::string_view rest = list; !rest.empty();) {
    const std::string_view part = rest.substr(0, rest.find(','));
    rest.remove_prefix(std::min(part.size() + 1, rest.size()));
    const std::size_t dash = part.find('-');
    const auto first = number(part.substr(0, dash));
    const auto last = dash == std::string_view::npos ? first : number(part.substr(dash + 1));
    if (!first || !last || *last < *first || *last >= ranks)
      throw InputError("--trace-ranks",
                       fmt::format("is {}, of which {} is no rank of 0 to {}", json_text(list),
                                   json_text(part), ranks - 1),
                       "a list as 0,8-11 is possible");
    for (std::int32_t rank = *first; rank <= *last && all.size() <= kMostRanks; ++rank) all.insert(rank);
    if (all.size() > kMostRanks)
      throw InputError("--trace-ranks", fmt::format("is {}, more than {} ranks", json_text(list), kMostRanks),
                       "one of each stage tells as much");
  }
  return {all.begin(), all.end()};
}

}  // namespace ds::cli
