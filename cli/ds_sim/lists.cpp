// What is shipped and what is accepted: presets, limits, schemas.
#include <fmt/format.h>
#include <unistd.h>

#include "cli/ds_sim/commands.h"
#include "simulator/base/error.h"
#include "simulator/base/file.h"

namespace ds::cli {
namespace {

std::string_view word(workload::PresetKind kind) {
  using workload::PresetKind;
  switch (kind) {
    case PresetKind::model: return "model";
    case PresetKind::gpu: return "gpu";
    case PresetKind::cluster: return "node";
    case PresetKind::fabric: return "fabric";
    case PresetKind::software: return "software";
  }
  return "?";
}

}  // namespace

int sim_presets(const Common& common) {
  terminal::Table table{.columns = {{"kind"}, {"name"}, {"source"}}, .rows = {}};
  for (const workload::Preset& preset : workload::list_presets())
    table.rows.push_back({{std::string(word(preset.kind))},
                          {preset.name},
                          {terminal::shorten(terminal::one_line(preset.source), 90)}});
  print(terminal::draw(table, common.screen(STDOUT_FILENO)));
  return kDone;
}

int sim_limits(const Common& common) {
  terminal::Table table{.columns = {{"what"}, {"at most", terminal::Align::right}}, .rows = {}};
  for (const workload::Limit& limit : workload::limits())
    table.rows.push_back({{std::string(limit.what)},
                          {limit.most < 1e15 ? terminal::exact(static_cast<std::int64_t>(limit.most))
                                             : fmt::format("{:g}", limit.most)}});
  print(terminal::draw(table, common.screen(STDOUT_FILENO)));
  return kDone;
}

int sim_schema(const Common&, const std::string& what) {
  if (what == "job") {
    print(workload::job_schema());
    return kDone;
  }
  const std::filesystem::path file = workload::profiles_directory() / "schemas" / (what + ".json");
  if (what.find('/') != std::string::npos || !std::filesystem::exists(file))
    throw InputError("schema", fmt::format("there is none named {}", what), "job and report are shipped");
  print(read_file(file));
  return kDone;
}

}  // namespace ds::cli
