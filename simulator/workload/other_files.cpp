// How other files are told from jobs: by the keys that only they have, and by the ends of their names.
#include "simulator/workload/other_files.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <string_view>

namespace ds::workload {
namespace {

/// Of files that programs of ours write: how the value of "schema" begins, what it is, and what is done with it.
struct Written {
  std::string_view schema, what, use;
};
constexpr std::array kWritten{
    Written{"ds-profile-", "a profile of a machine", "name it as cluster.node of a job"},
    Written{"ds-report-", "a report of ds-sim", "give the job that it was made from"},
    Written{"ds-tune-report-", "a report of ds-tune",
            "`ds-tune search JOB --export job` writes the plan as a job"},
    Written{"ds-exec-report-", "a report of ds-exec", "give the job that it was made from"},
};

bool are_cases(const Cursor& root) {
  if (!root.is_list()) return false;
  const std::vector<Cursor> all = root.list();
  return !all.empty() && all.front().is_object() && all.front().find("job");
}

}  // namespace

void refuse_other_files(const Cursor& root) {
  if (are_cases(root)) root.fail("is a list of measured cases, no job", "`ds-sim validate` reads it");
  if (!root.is_object()) return;
  if (const auto written = root.find("schema"); written && written->is_text())
    for (const Written& kind : kWritten)
      if (written->text().starts_with(kind.schema))
        root.fail(fmt::format("is {}, no job", kind.what), std::string(kind.use));
  if (root.find("model")) return;
  if (root.find("model_type") || root.find("architectures"))
    root.fail("is the config.json of a model, no job",
              R"(a job names it: {"model": "./config.json", "cluster": ..., "train": ...})");
}

std::string launch_hint(const std::filesystem::path& file) {
  constexpr std::array<std::string_view, 4> kEnds{".sh", ".yaml", ".yml", ".toml"};
  if (std::ranges::find(kEnds, file.extension().string()) == kEnds.end()) return {};
  return "`ds-sim convert megatron|deepspeed|torchtitan FILE` makes a job of a launch";
}

}  // namespace ds::workload
