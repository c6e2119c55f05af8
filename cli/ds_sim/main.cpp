// ds-sim: what will this plan cost?
#include <CLI/CLI.hpp>

#include "cli/ds_sim/commands.h"
#include "cli/prediction/prediction.h"
#include "cli/session/options.h"
#include "simulator/workload/limits.h"

namespace {

constexpr const char* kFittedHelp = "Constants fitted on whole steps that count (default all)";
constexpr const char* kDepthHelp =
    "How finely a step is played (default: the job's simulate.depth, else event)";

void add_sweep(CLI::App& app, ds::cli::SweepOptions& options) {
  app.add_option("JOB", options.job, "Job file; - is standard input")->required();
  app.add_option("--over", options.over,
                 "Values to try: --over plan.micro_batch=1,2,4; all combinations of several")
      ->required()
      ->take_all()
      ->type_name("PATH=V,V,...");
  app.add_option("--depth", options.depth, kDepthHelp)->type_name("analytic|event");
  std::string names;
  for (const ds::cli::Metric& metric : ds::cli::metrics())
    names += (names.empty() ? "" : "|") + std::string(metric.name);
  app.add_option("--metric", options.metric, "What bars, chart and <- best go by (default step_time_s)")
      ->type_name(names);
  app.add_option("--csv", options.csv, "Write a line per point; - is standard output")->type_name("FILE");
  app.add_option("--svg", options.svg, "Write a chart; - is standard output")->type_name("FILE");
}

void add_convert(CLI::App& app, ds::cli::ConvertOptions& options) {
  app.add_option("STACK", options.stack, "Whose launch it is")
      ->required()
      ->type_name("megatron|deepspeed|torchtitan");
  app.add_option("FILE", options.file, "Launch script, command line or configuration; - is standard input")
      ->required();
  app.add_option("--node", options.node, "The machine that it is for: a node of ds-sim presets")
      ->type_name("PRESET");
  add_number(app, "--nodes", options.nodes, ds::cli::WholeRange{1, ds::workload::kMaxNodes}, "N",
             "How many (default: as the launch says)");
  app.add_option("--cluster", options.cluster,
                 "Instead of both: a file with the cluster, or a job that has it")
      ->type_name("FILE");
  app.add_option("--model", options.model,
                 "The model, where the launch names it alone: a preset, or a config.json")
      ->type_name("PRESET|FILE");
  add_number(app, "--vocab", options.vocab, ds::cli::WholeRange{1, ds::workload::kMaxWidth}, "N",
             "Tokens of the vocabulary, where only the tokenizer knows");
  add_number(app, "--sequence-length", options.sequence, ds::cli::WholeRange{1, ds::workload::kMaxSequence},
             "N", "Tokens of a sequence, where the launch does not say");
  add_number(app, "--global-batch", options.batch, ds::cli::WholeRange{1, ds::workload::kMaxGlobalBatch}, "N",
             "Sequences of a step, where the launch does not say");
  app.add_option("--env", options.variables, "What a variable of the script is: --env TP=8")
      ->take_all()
      ->type_name("NAME=VALUE");
  app.add_flag("--lenient", options.lenient, "Leave out what cannot be predicted yet, and say so");
  app.add_option("-o,--out,--output", options.output, "Write the job there (default standard output)")
      ->type_name("FILE");
}

void add_export(CLI::App& app, ds::cli::ExportOptions& options) {
  app.add_option("FORMAT", options.format,
                 "What to write: the flags of one trainer, or a start of the one that the job's software is")
      ->required()
      ->type_name("megatron|torchtitan|deepspeed|torchrun|srun|sbatch");
  app.add_option("JOB", options.job, "Job file; - is standard input")->required();
  add_number(app, "--steps", options.steps, ds::cli::WholeRange{1, ds::kMaxWhole}, "N",
             "Steps of the run (default: those of train.tokens, else execute.steps)");
  app.add_option("-o,--out,--output", options.output, "Write it there (default standard output)")
      ->type_name("FILE");
}

int answer(int argc, char** argv) {
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
  run->add_option("--depth", run_options.depth, kDepthHelp)->type_name("analytic|event");
  run->add_option("--trace", run_options.trace,
                  "Write the timeline for ui.perfetto.dev: JSON, or NAME.pftrace; NAME.gz is compressed")
      ->type_name("FILE");
  run->add_option("--trace-ranks", run_options.trace_ranks,
                  "Ranks in the trace: 0,8-11 (default: one of each stage)")
      ->type_name("LIST");
  run->add_option("--dump-program", run_options.dump_program,
                  "Write the lowered program as text; - is standard output")
      ->type_name("FILE");
  run->add_option("--fitted", run_options.fitted, kFittedHelp)->type_name("none|family|all");
  run->add_flag("--explain", run_options.explain,
                "What bounds the step, what changes would gain, instruction classes, defaults");
  CompareOptions compare_options;
  CLI::App* compare = app.add_subcommand("compare", "Predict several jobs, side by side");
  compare->add_option("JOB", compare_options.jobs, "Job files, two or more; - is standard input")
      ->required()
      ->expected(2, 100);
  CLI::App* diff =
      app.add_subcommand("diff", "Which keys of two jobs differ, after defaults, and what that changes");
  diff->add_option("JOB", compare_options.jobs, "Two job files; - is standard input")
      ->required()
      ->expected(2);
  for (CLI::App* command : {compare, diff})
    command->add_option("--depth", compare_options.depth, kDepthHelp)->type_name("analytic|event");
  SweepOptions sweep_options;
  CLI::App* sweep = app.add_subcommand("sweep", "Predict a job at every combination of some values");
  add_sweep(*sweep, sweep_options);
  ValidateOptions validate_options;
  CLI::App* validate = app.add_subcommand("validate", "Predict measured cases, show the errors");
  validate
      ->add_option("FILE", validate_options.file,
                   "Measured cases, such as profiles/measured/training_steps.json or collectives.json; - is "
                   "standard input")
      ->required();
  validate->add_option("--fitted", validate_options.fitted, kFittedHelp)->type_name("none|family|all");
  validate->add_option("--case", validate_options.cases, "Only cases whose id begins with this")
      ->type_name("ID");
  CollectiveOptions collective_options;
  CLI::App* collective =
      app.add_subcommand("collective", "Time one collective over links that a file states");
  collective
      ->add_option("SPEC", collective_options.spec,
                   "Collective, bytes, algorithm and topology: docs/collective.md; - is standard input")
      ->required();
  collective->add_flag("--sweep", collective_options.sweep, "Also at sizes from 1 KiB to 16 GiB");
  ConvertOptions convert_options;
  CLI::App* convert = app.add_subcommand("convert", "Make a job of another program's launch");
  add_convert(*convert, convert_options);
  ExportOptions export_options;
  CLI::App* exported = app.add_subcommand("export", "Write a job as another program's launch");
  add_export(*exported, export_options);
  CLI::App* presets =
      app.add_subcommand("presets", "List what is shipped: models, GPUs, nodes, fabrics, software");
  PresetsOptions presets_options;
  presets->add_option("WORD", presets_options.words,
                      "Only those with all of these in them: h100; node 8; llama");
  CLI::App* limits = app.add_subcommand("limits", "List the largest accepted values");
  std::string schema_of{"job"};
  CLI::App* schema = app.add_subcommand("schema", "Print the JSON Schema of a file that we read or write");
  schema->add_option("WHAT", schema_of, "Whose: job, report, exec-report, profile, ...")->required();
  constexpr std::string_view kNoJob = "no job is read here", kSoon = "nothing here takes long";
  for (CLI::App* command : {run, compare, diff, sweep}) add_common(*command, common, {});
  add_common(*collective, common, {.job = {}, .report = {}, .progress = kSoon});
  add_common(*validate, common,
             {.job = "the file's jobs are judged as they are", .report = {}, .progress = {}});
  add_common(*presets, common, {.job = kNoJob, .report = {}, .progress = {}});
  add_common(
      *convert, common,
      {.job = "--set is for ds-sim run", .report = "the job is written with --output", .progress = kSoon});
  add_common(*exported, common,
             {.job = {}, .report = "the launch is written with --output", .progress = kSoon});
  add_common(*limits, common, {.job = kNoJob, .report = {}, .progress = kSoon});
  add_common(*schema, common,
             {.job = kNoJob, .report = "a schema goes to standard output", .progress = kSoon});

  Documents<CLI::App> documents;
  documents.add_to(app);

  end_on_signals();
  return guarded([&] {
    try {
      app.parse(argc, argv);
    } catch (const CLI::ParseError& e) {
      return answer_usage(app, e, argc, argv, {"capacity", "plot"});
    }
    if (app.get_subcommands().empty()) return refuse_usage("a command is missing");
    refuse_empty_values(app);
    if (documents.parsed()) return documents.answer(app);
    common.program = "ds-sim " + app.get_subcommands().front()->get_name();
    if (run->parsed()) return sim_run(common, run_options);
    if (compare->parsed()) return sim_compare(common, compare_options);
    if (diff->parsed()) return sim_diff(common, compare_options);
    if (sweep->parsed()) return sim_sweep(common, sweep_options);
    if (validate->parsed()) return sim_validate(common, validate_options);
    if (collective->parsed()) return sim_collective(common, collective_options);
    if (convert->parsed()) return sim_convert(common, convert_options);
    if (exported->parsed()) return sim_export(common, export_options);
    if (presets->parsed()) return sim_presets(common, presets_options);
    if (limits->parsed()) return sim_limits(common);
    return sim_schema(common, schema_of);
  });
}

}  // namespace

/// All of it is guarded: where memory is short, options themselves are too much.
int main(int argc, char** argv) {
  return ds::cli::guarded([&] { return answer(argc, argv); });
}
