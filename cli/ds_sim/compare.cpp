// `ds-sim compare` and `ds-sim diff`: several jobs, predicted, and what tells them apart.
#include <fmt/format.h>
#include <unistd.h>

#include "cli/ds_sim/commands.h"
#include "cli/ds_sim/side_by_side.h"

namespace ds::cli {
namespace {

struct Compared {
  std::vector<Outcome> outcomes;
  std::vector<Difference> differing;
};

/// Reads, predicts, writes the report.
Compared compare(const Common& common, const CompareOptions& options) {
  const std::vector<Output> outputs = {{"--report", common.report}};
  check_outputs(outputs);
  check_depth_option(options.depth);
  for (const std::string& job : options.jobs) check_against(outputs, {{"a job", job}});
  Compared all{.outcomes = read_jobs(options.jobs, common), .differing = {}};
  all.differing = differences(all.outcomes);
  terminal::ProgressLine line(common.progress_mode(), common.screen(STDERR_FILENO));
  predict_all(all.outcomes, {.depth = options.depth,
                             .threads = static_cast<std::size_t>(common.jobs),
                             .progress = line.callback()});
  line.finish();
  write_outputs({{common.report, [&] {
                    return comparison_report(all.outcomes, all.differing, provenance(common, nullptr));
                  }}});
  return all;
}

void tell_sources(const Common& common, const std::vector<Outcome>& outcomes) {
  std::string told;
  for (const Outcome& outcome : outcomes) {
    if (!outcome.figures || !outcome.job) continue;
    const std::string sentence = sources_sentence(outcome.figures->weakest, outcome.job->cluster.cpu());
    if (told.find(sentence) == std::string::npos) told += fmt::format("durations {}\n", sentence);
  }
  show(common, told);
}

std::string counted(std::size_t keys) {
  if (keys == 0) return "no key differs\n";
  return fmt::format("{} key{}, after defaults\n", keys, keys == 1 ? " differs" : "s differ");
}

}  // namespace

int sim_compare(const Common& common, const CompareOptions& options) {
  const Compared all = compare(common, options);
  if (common.talks()) {
    const terminal::Screen screen = common.screen(STDOUT_FILENO);
    show(common, jobs_table(all.outcomes, screen) + "\n");
    show(common, figures_table(all.outcomes, screen));
    show(common, "\n" + (all.differing.empty() ? counted(0)
                                               : differences_table(all.outcomes, all.differing, screen)));
    tell_sources(common, all.outcomes);
  }
  return status_of(all.outcomes);
}

int sim_diff(const Common& common, const CompareOptions& options) {
  const Compared all = compare(common, options);
  if (common.talks()) {
    const terminal::Screen screen = common.screen(STDOUT_FILENO);
    show(common, jobs_table(all.outcomes, screen) + "\n" + counted(all.differing.size()));
    if (!all.differing.empty()) show(common, differences_table(all.outcomes, all.differing, screen));
    show(common, "\n" + changes_table(all.outcomes[0], all.outcomes[1], screen));
    tell_sources(common, all.outcomes);
  }
  return status_of(all.outcomes);
}

}  // namespace ds::cli
