// ds-exec: is that true? Runs a plan for real, measures, calibrates.
#include <CLI/CLI.hpp>
#include <cstdlib>

#include "cli/ds_exec/commands.h"
#include "cli/session/options.h"
#include "executor/calibrate/together.h"
#include "executor/mpi/launcher.h"
#include "executor/one_blas_thread.h"
#include "executor/supervisor/rank_environment.h"
#include "simulator/workload/limits.h"

namespace {

void add_training(CLI::App& app, ds::cli::ExecOptions& options) {
  app.add_option("JOB", options.job, "Job file; - is standard input")->required();
  app.add_option("--data", options.data, "Text to train on, bytes as tokens (default: execute.data)")
      ->type_name("FILE");
  add_number(app, "--steps", options.steps, ds::cli::WholeRange{0, ds::workload::kMaxSteps}, "N",
             "Steps of the run (default: execute.steps)");
  app.add_option("--device", options.device, "What ranks compute on (default auto)")
      ->type_name("auto|cpu|cuda");
  app.add_option("--metrics", options.metrics, "Write a JSON line per step")->type_name("FILE");
  app.add_option("--trace", options.trace,
                 "Write the timelines for ui.perfetto.dev: JSON, or NAME.pftrace; NAME.gz is compressed")
      ->type_name("FILE");
  app.add_option("--trace-ranks", options.trace_ranks, "Ranks in the trace: 0,8-11 (default: all that ran)")
      ->type_name("LIST");
}

int answer(int argc, char** argv) {
  using namespace ds::cli;
  ds::executor::start_with_one_blas_thread(argv);
  CLI::App app{"ds-exec: train by a plan for real, measure it, compare it with its prediction.", "ds-exec"};
  app.set_version_flag("--version", version_text());
  app.require_subcommand(0, 1);  // none is told below, after what was typed instead of one
  app.footer(
      "A first run: ds-exec calibrate, then ds-exec compare profiles/jobs/first.json --data TEXT --steps "
      "100");
  Common common;
  common.command.assign(argv, argv + argc);

  ExecOptions options;
  CalibrateOptions calibration;
  CLI::App* run = app.add_subcommand("run", "Train");
  CLI::App* compare = app.add_subcommand("compare", "Predict, train, and lay the two side by side");
  for (CLI::App* command : {run, compare}) add_training(*command, options);
  CLI::App* calibrate =
      app.add_subcommand("calibrate", "Measure this machine's operators; it becomes `localhost`");
  calibrate->add_option("--out", calibration.out, "Write the profile there instead; - is standard output")
      ->type_name("PROFILE");
  calibrate->add_option("--device", calibration.device, "What is measured (default auto)")
      ->type_name("auto|cpu|cuda");
  add_number(*calibrate, "--rounds", calibration.rounds, WholeRange{3, 1000}, "N",
             "Rounds over all operators");
  for (CLI::App* command : {run, compare}) add_common(*command, common, {});
  add_common(*calibrate, common,
             {.job = "no job is read here",
              .report = "the profile is what calibrate writes; --out says where",
              .progress = {}});

  Documents<CLI::App> documents;
  documents.add_to(app);

  return guarded([&] {
    try {
      app.parse(argc, argv);
    } catch (const CLI::ParseError& e) {
      return answer_usage(app, e, argc, argv, {"resume", "plot"});
    }
    if (app.get_subcommands().empty()) return refuse_usage("a command is missing");
    refuse_empty_values(app);
    if (documents.parsed()) return documents.answer(app);
    common.program = "ds-exec " + app.get_subcommands().front()->get_name();
    if (const auto environment = ds::executor::rank_environment(std::getenv(ds::executor::kRankVariable),
                                                                std::getenv(ds::executor::kPoolVariable)))
      return calibrate->parsed()
                 ? ds::executor::measure_as_rank(*environment, static_cast<int>(calibration.rounds))
                 : exec_rank(*environment, common, options);
    const auto by = ds::executor::launched(std::getenv);
    if (calibrate->parsed()) return by ? refuse_joined(*by) : exec_calibrate(common, calibration);
    const ExecCommand command = run->parsed() ? exec_run : exec_compare;
    return by ? exec_joined(*by, command, common, options) : command(common, options, nullptr);
  });
}

}  // namespace

/// All of it is guarded: where memory is short, options themselves are too much.
int main(int argc, char** argv) {
  return ds::cli::guarded([&] { return answer(argc, argv); });
}
