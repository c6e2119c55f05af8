// What is accepted: limits and schemas.
#include "cli/ds_sim/lists.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <unistd.h>

#include <algorithm>
#include <iterator>
#include <nlohmann/json.hpp>

#include "cli/ds_sim/commands.h"
#include "cli/ds_sim/sweep.h"
#include "cli/session/phases.h"
#include "simulator/base/error.h"
#include "simulator/base/file.h"
#include "simulator/convert/convert.h"
#include "simulator/cost/profile_limits.h"
#include "simulator/links/limits.h"

namespace ds::cli {
namespace {

using Json = nlohmann::ordered_json;

/// Of jobs, of profiles, of collectives, and our own.
std::vector<workload::Limit> limits() {
  std::vector<workload::Limit> all(workload::limits().begin(), workload::limits().end());
  all.insert(all.end(), std::begin(cost::kProfileLimits), std::end(cost::kProfileLimits));
  all.insert(all.end(), std::begin(links::kLimits), std::end(links::kLimits));
  all.push_back({"bytes of a launch to convert", static_cast<double>(convert::kMaxLaunchBytes)});
  all.push_back({"points of a sweep", static_cast<double>(kMostPoints)});
  return all;
}

std::vector<Range> ranges() {
  std::vector<Range> all(std::begin(kRanges), std::end(kRanges));
  all.insert(all.end(), std::begin(links::kStatedRanges), std::end(links::kStatedRanges));
  return all;
}

/// Whether the limit is shown digit by digit.
bool is_exact(const workload::Limit& limit) { return limit.most < 1e15; }
std::string name_of(const Range& range) {
  return range.unit.empty() ? std::string(range.what) : fmt::format("{}, {}", range.what, range.unit);
}

}  // namespace

void write_list(const Common& common, const std::string& name, Json list) {
  const Json file = {{"schema", "ds-" + name + "-1"},
                     {"provenance", report::to_json(provenance(common, nullptr))},
                     {name, std::move(list)}};
  write_output(common.report, file.dump(1) + "\n");
}

int sim_limits(const Common& common) {
  check_outputs({{"--report", common.report}});
  if (!common.report.empty()) {
    Json list = Json::array();
    for (const workload::Limit& limit : limits())
      list.push_back(
          {{"what", limit.what},
           {"at_most", is_exact(limit) ? Json(static_cast<std::int64_t>(limit.most)) : Json(limit.most)}});
    for (const Range& range : ranges())
      list.push_back({{"what", name_of(range)}, {"at_least", range.least}, {"at_most", range.most}});
    write_list(common, "limits", std::move(list));
  }
  if (!common.talks()) return kDone;
  terminal::Table table{.columns = {{"what", terminal::Align::left, terminal::kAlways, 24},
                                    {"at least", terminal::Align::right, terminal::kNeeded},
                                    {"at most", terminal::Align::right}},
                        .rows = {}};
  for (const workload::Limit& limit : limits())
    table.rows.push_back({{std::string(limit.what)},
                          {""},
                          {is_exact(limit) ? terminal::exact(static_cast<std::int64_t>(limit.most))
                                           : fmt::format("{:g}", limit.most)}});
  for (const Range& range : ranges())
    table.rows.push_back(
        {{name_of(range)}, {fmt::format("{:g}", range.least)}, {fmt::format("{:g}", range.most)}});
  show(common, terminal::draw(table, common.screen(STDOUT_FILENO)));
  return kDone;
}

int sim_schema(const Common& common, const std::string& what) {
  const Phases phases(common);
  if (what == "job") {
    print(workload::job_schema());
    return kDone;
  }
  const std::filesystem::path folder = workload::profiles_directory() / "schemas";
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(folder))
    if (entry.path().extension() == ".json") names.push_back(entry.path().stem().string());
  std::ranges::sort(names);
  if (!std::ranges::binary_search(names, what))
    throw InputError("schema", fmt::format("there is none named {}", what),
                     fmt::format("there are {}", fmt::join(names, ", ")));
  print(read_file(folder / (what + ".json")));
  return kDone;
}

}  // namespace ds::cli
