// ds-sim: what will this plan cost?
#include <CLI/CLI.hpp>

#include "cli/ds_sim/commands.h"

namespace {

void add_common(CLI::App& app, ds::cli::Common& common) {
  app.add_option("--set", common.set, "Override a value of the job: --set plan.tp=4")
      ->take_all()
      ->type_name("PATH=VALUE");
  app.add_option("--seed", common.seed, "Seed of everything random")->check(CLI::NonNegativeNumber);
  app.add_option("--jobs", common.jobs, "Threads to use")->check(CLI::PositiveNumber);
  app.add_option("--report", common.report, "Write the report as JSON; - is standard output")
      ->type_name("FILE");
  app.add_option("--html", common.html, "Write a page")->type_name("FILE");
  app.add_flag("-q,--quiet", common.quiet, "Print nothing for people");
  app.add_flag("-v,--verbose", common.verbose, "Print more");
  app.add_flag("--no-color", common.no_color, "No colours");
  app.add_option("--progress", common.progress, "auto, always or never")->type_name("WHEN");
}

}  // namespace

int main(int argc, char** argv) {
  using namespace ds::cli;
  CLI::App app{"ds-sim: what will this plan cost? Step time, where it goes, memory.", "ds-sim"};
  app.set_version_flag("--version", version_text());
  app.require_subcommand(0, 1);  // none is told below, after what was typed instead of one
  app.footer("A first job: ds-sim run profiles/jobs/first.json");
  Common common;
  common.command.assign(argv, argv + argc);

  RunOptions run_options;
  CLI::App* run = app.add_subcommand("run", "Predict one job");
  run->add_option("JOB", run_options.job, "Job file")->required();
  run->add_option("--depth", run_options.depth, "analytic, or event (default: the job's simulate.depth)");
  run->add_option("--trace", run_options.trace, "Write the timeline for ui.perfetto.dev")->type_name("FILE");
  run->add_option("--dump-program", run_options.dump_program,
                  "Write the lowered program as text; - is standard output")
      ->type_name("FILE");
  run->add_flag("--explain", run_options.explain,
                "Every instruction class, and every default that was taken");
  CLI::App* presets =
      app.add_subcommand("presets", "List the models, GPUs, nodes and software that are shipped");
  CLI::App* limits = app.add_subcommand("limits", "List the largest accepted values");
  std::string schema_of{"job"};
  CLI::App* schema = app.add_subcommand("schema", "Print the JSON Schema of a file that we read or write");
  schema->add_option("WHAT", schema_of, "job or report")->required();
  for (CLI::App* command : {run, presets, limits, schema}) add_common(*command, common);

  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& e) {
    return e.get_exit_code() == 0 ? app.exit(e) : refuse_usage(e.what());  // 0: --help, --version
  }
  if (app.get_subcommands().empty()) return refuse_usage("a command is missing");
  watch_signals();
  common.program = "ds-sim " + app.get_subcommands().front()->get_name();
  return guarded([&] {
    if (run->parsed()) return sim_run(common, run_options);
    if (presets->parsed()) return sim_presets(common);
    if (limits->parsed()) return sim_limits(common);
    return sim_schema(common, schema_of);
  });
}
