// `ds-sim export`: a job as a launch of another program.
#include "simulator/export/export.h"

#include <fmt/format.h>

#include <filesystem>

#include "cli/ds_sim/commands.h"
#include "cli/prediction/prediction.h"
#include "cli/session/phases.h"
#include "simulator/base/error.h"
#include "simulator/base/file.h"
#include "simulator/base/json.h"
#include "simulator/base/nearest.h"

namespace ds::cli {
namespace {

const exports::Format& format_named(const std::string& name) {
  if (const exports::Format* format = exports::find_format(name)) return *format;
  throw InputError("export", fmt::format("{} is not a launch that is written", json_text(name)),
                   fmt::format("{} are", listed(exports::format_names())));
}

exports::Exported exported(const workload::Job& job, const ExportOptions& options, Phases& phases) {
  const exports::Format& format = format_named(options.format);
  exports::Wish wish{.trainer = format.trainer ? *format.trainer : exports::trainer_of(job),
                     .start = format.start,
                     .steps = options.steps,
                     .step_time = {}};
  exports::check_exportable(job, wish);
  if (wish.start == exports::Start::sbatch) {
    phases.begin("predict");
    workload::check_supported(job);
    wish.step_time = predict(job, profile_of(job), depth_of("", job)).step_time;
  }
  phases.begin("write");
  return exports::export_launch(job, wish);
}

}  // namespace

int sim_export(const Common& common, const ExportOptions& options) {
  static_cast<void>(format_named(options.format));
  const std::string target = options.output.empty() ? "-" : options.output;
  check_outputs({{"--output", target}});
  check_against({{"--output", target}}, {{"the job", options.job}});
  Phases phases(common);
  phases.begin("read the job");
  const workload::Job job = read_job(options.job, common);
  exports::Exported made;
  try {
    made = exported(job, options, phases);
  } catch (const InputError& error) {
    throw error.file().empty() && !job.file.empty() ? error.in_file(job.file) : error;
  }
  phases.end();
  if (!common.quiet)
    for (const std::string& note : made.notes) tell(note);
  write_output(target, made.text);
  return kDone;
}

}  // namespace ds::cli
