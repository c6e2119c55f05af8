// ds-sim: what will this plan cost?
#include <CLI/CLI.hpp>

#include "cli/ds_sim/commands.h"
#include "cli/session/options.h"

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
  run->add_option("JOB", run_options.job, "Job file; - is standard input")->required();
  run->add_option("--depth", run_options.depth, "analytic, or event (default: the job's simulate.depth)");
  run->add_option("--trace", run_options.trace,
                  "Write the timeline for ui.perfetto.dev: JSON, or NAME.pftrace; NAME.gz is compressed")
      ->type_name("FILE");
  run->add_option("--trace-ranks", run_options.trace_ranks,
                  "Ranks in the trace: 0,8-11 (default: one of each stage)")
      ->type_name("LIST");
  run->add_option("--dump-program", run_options.dump_program,
                  "Write the lowered program as text; - is standard output")
      ->type_name("FILE");
  run->add_flag("--explain", run_options.explain,
                "Every instruction class, and every default that was taken");
  ValidateOptions validate_options;
  CLI::App* validate = app.add_subcommand("validate", "Predict measured cases, show the errors");
  validate->add_option("FILE", validate_options.file, "Measured cases: profiles/measured/training_steps.json")
      ->required();
  validate->add_option("--fitted", validate_options.fitted,
                       "Constants fitted on whole steps: none, family or all (default)");
  validate->add_option("--case", validate_options.cases, "Only cases whose id begins with this")
      ->type_name("ID");
  CLI::App* presets =
      app.add_subcommand("presets", "List the models, GPUs, nodes and software that are shipped");
  CLI::App* limits = app.add_subcommand("limits", "List the largest accepted values");
  std::string schema_of{"job"};
  CLI::App* schema = app.add_subcommand("schema", "Print the JSON Schema of a file that we read or write");
  schema->add_option("WHAT", schema_of, "job, report, exec-report, profile, ...")->required();
  constexpr std::string_view kNoJob = "no job is read here", kSoon = "nothing here takes long";
  add_common(*run, common, {});
  add_common(*validate, common,
             {.job = "the file's jobs are judged as they are", .report = {}, .progress = {}});
  add_common(*presets, common, {.job = kNoJob, .report = {}, .progress = {}});
  add_common(*limits, common, {.job = kNoJob, .report = {}, .progress = kSoon});
  add_common(*schema, common,
             {.job = kNoJob, .report = "a schema goes to standard output", .progress = kSoon});

  end_on_signals();
  return guarded([&] {
    try {
      app.parse(argc, argv);
    } catch (const CLI::ParseError& e) {
      return answer_usage(app, e, argc, argv, {"compare", "sweep", "diff", "plot"});
    }
    if (app.get_subcommands().empty()) return refuse_usage("a command is missing");
    common.program = "ds-sim " + app.get_subcommands().front()->get_name();
    if (run->parsed()) return sim_run(common, run_options);
    if (validate->parsed()) return sim_validate(common, validate_options);
    if (presets->parsed()) return sim_presets(common);
    if (limits->parsed()) return sim_limits(common);
    return sim_schema(common, schema_of);
  });
}
