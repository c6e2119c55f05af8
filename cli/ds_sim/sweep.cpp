// `ds-sim sweep`: one job at every combination of some values.
#include "cli/ds_sim/sweep.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>

#include "cli/ds_sim/commands.h"
#include "cli/session/phases.h"
#include "simulator/base/error.h"

namespace ds::cli {
namespace {

bool is_printed(const Common& common, const SweepOptions& options) {
  return common.talks() && options.csv != "-" && options.svg != "-";
}

/// Some point has to have it, where there is one that can be read.
void check_metric(const Sweep& sweep, const Metric& metric) {
  bool any_is_read = false;
  for (const Outcome& outcome : sweep.outcomes) {
    if (outcome.job && is_known_of(metric, *outcome.job)) return;
    any_is_read |= outcome.job.has_value();
  }
  if (!any_is_read) return;
  throw InputError("--metric", fmt::format("is {}, which this job does not say enough for", metric.name),
                   fmt::format("it needs {}", lacking(metric.needs)));
}

/// 1 where no point is a plan that fits, 2 where none is a job.
int status_of(const Sweep& sweep) {
  for (const Outcome& outcome : sweep.outcomes)
    if (outcome.fits()) return kDone;
  return std::ranges::all_of(sweep.outcomes, &Outcome::bad_input) ? kBadInput : kHonestNo;
}

}  // namespace

int sim_sweep(const Common& common, const SweepOptions& options) {
  const std::vector<Output> outputs = {
      {"--report", common.report}, {"--csv", options.csv}, {"--svg", options.svg}};
  check_outputs(outputs);
  check_against(outputs, {{"the job", options.job}});
  const Metric& metric = metric_named(options.metric, "--metric");
  check_depth_option(options.depth);
  const StopToken& stop = watch_signals();
  Phases phases(common);
  phases.begin("read the job");
  Sweep sweep;
  for (const std::string& over : options.over) sweep.axes.push_back(axis_of(over));
  const Document job = job_document(options.job, common);
  read_points(sweep, job, std::filesystem::path(options.job).parent_path(), stop);
  if (!stop.stop_requested()) check_metric(sweep, metric);

  phases.begin("predict");
  terminal::ProgressLine line(common.progress_mode(), common.screen(STDERR_FILENO));
  predict_all(sweep.outcomes, {.depth = options.depth,
                               .threads = static_cast<std::size_t>(common.jobs),
                               .progress = line.callback(),
                               .stop = &stop});
  line.finish();

  phases.begin("write");
  write_outputs({{common.report, [&] { return sweep_report(sweep, provenance(common, nullptr)); }},
                 {options.csv, [&] { return sweep_csv(sweep); }},
                 {options.svg, [&] { return sweep_svg(sweep, metric, options.job); }}});
  phases.end();
  if (is_printed(common, options))
    show(common, sweep_table(sweep, metric, common.screen(STDOUT_FILENO)) + sweep_faults(sweep));
  const int status = sweep.complete() ? status_of(sweep) : status_after(stop);
  if (!sweep.complete() && !common.quiet)
    tell(fmt::format("stopped at {} of {} points", sweep.count_reached(), sweep.outcomes.size()));
  return status;
}

}  // namespace ds::cli
