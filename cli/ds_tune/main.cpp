// ds-tune: which plan is best?
#include <CLI/CLI.hpp>

#include "cli/ds_tune/commands.h"
#include "cli/session/options.h"

namespace {

/// In seconds: from what no search ends within to longer than one is waited for.
constexpr ds::cli::RealRange kTimeLimit{1e-6, 1e9};

int answer(int argc, char** argv) {
  using namespace ds::cli;
  CLI::App app{"ds-tune: which plan is best for a model on a cluster?", "ds-tune"};
  app.set_version_flag("--version", version_text());
  app.require_subcommand(0, 1);  // none is told below, after what was typed instead of one
  app.footer("A first search: ds-tune search profiles/jobs/first.json");
  Common common;
  common.command.assign(argv, argv + argc);

  SearchOptions options;
  CLI::App* search = app.add_subcommand("search", "Find the best plans for a job");
  search
      ->add_option("JOB", options.job,
                   "Job file, - is standard input; its plan, if it has one, is looked at first")
      ->required();
  search
      ->add_option(
          "--space", options.space,
          R"(What to vary: {"tp": [1, 2, 4], "zero": [0, 1]}; or the word wide: every key that can be varied)")
      ->type_name("FILE");
  search->add_option("--pin", options.pins, "Only plans with that value: --pin plan.tp=8")
      ->take_all()
      ->type_name("PATH=VALUE");
  search
      ->add_option("--forbid", options.forbids,
                   "No plans with that value, or that use the feature at all: --forbid plan.recompute")
      ->take_all()
      ->type_name("PATH[=VALUE]");
  search->add_option("--method", options.method,
                     method_names() +
                         "; auto (default) is exhaustive where it can be, else (a limit is set, or more "
                         "combinations than can be gone through) what finds good plans soon");
  add_number(*search, "--evals", options.evals, WholeRange{1, ds::kMaxWhole}, "N",
             "Most plans whose step time is computed, in all runs of a study");
  add_number(*search, "--time-limit", options.time_limit_s, kTimeLimit, "SECONDS",
             "Seconds of search, of each run of a study");
  add_number(*search, "--top", options.top, WholeRange{1, 1000}, "N",
             "So many plans, the best of each division of the GPUs (default 5)");
  add_number(*search, "--memory-margin", options.memory_margin, RealRange{0, 0.9}, "SHARE",
             "Share of memory that plans leave free (default 0.08 where the software's allocator "
             "caches, else 0)");
  search
      ->add_option(
          "--export", options.export_as,
          "Print the best plan on standard output instead: as a job, as the launch of a trainer, or as a "
          "start of the "
          "one that the job's software is")
      ->type_name("job|megatron|torchtitan|deepspeed|torchrun|srun|sbatch");
  search->add_flag(
      "--front", options.front,
      "Every plan, too, that no other beats in both step time and memory: what smaller ones cost");
  search->add_option("--plot", options.plot, "Write a picture (SVG) of the best plans and of that front")
      ->type_name("FILE");
  search->add_option("--study", options.study, "Keep the search in this file, and go on from it (JSON Lines)")
      ->type_name("FILE");
  add_common(*search, common, {});

  TrainOptions training;
  CLI::App* train = app.add_subcommand("train", "Train the policy that --method rl goes by");
  train->add_option("--policy", training.policy, "Where to write it")->required()->type_name("FILE");
  train->add_option("--instances", training.instances, "Jobs to learn from (default those that are shipped)")
      ->type_name("FILE");
  train
      ->add_option(
          "--lessons", training.lessons,
          "Plans with their steps: read if the file is there, else made, which takes an hour, and written")
      ->type_name("FILE");
  add_number(*train, "--plans", training.plans, WholeRange{10, 1'000'000}, "N",
             "Plans of each job (default 1,200)");
  add_number(*train, "--rounds", training.rounds, WholeRange{1, 10'000'000}, "N",
             "Rounds of learning to foresee steps (default 4,000)");
  add_number(*train, "--choices", training.choices, WholeRange{0, 10'000'000}, "N",
             "Rounds of learning to choose (default 400)");
  add_common(*train, common, {});

  BenchOptions bench;
  CLI::App* score = app.add_subcommand("bench", "Compare methods of search, evaluation by evaluation");
  score
      ->add_option("--tier", bench.tiers,
                   "Instances: D and E, which nothing has learned from, unless it says train or tuning")
      ->type_name("TIER")
      ->take_all();
  score->add_option("--method", bench.methods, "One of them; several may be named (default all)")
      ->type_name("METHOD")
      ->take_all();
  score->add_option("--instances", bench.instances, "Another file of them")->type_name("FILE");
  score->add_option("--policy", bench.policy, "Of --method rl (default the one that is shipped)")
      ->type_name("FILE");
  add_number(*score, "--evals", bench.evals, WholeRange{1, 1'000'000}, "N",
             "Evaluations of each search (default 100)");
  add_number(*score, "--seeds", bench.seeds, WholeRange{1, 1000}, "N",
             "Searches of each method and instance (default 10)");
  add_number(*score, "--draws", bench.draws, WholeRange{0, 1000}, "N",
             "Each method with parameters by chance so often as well (default 0)");
  add_common(*score, common, {});

  Documents<CLI::App> documents;
  documents.add_to(app);

  return guarded([&] {
    try {
      app.parse(argc, argv);
    } catch (const CLI::ParseError& e) {
      return answer_usage(app, e, argc, argv, {"plot"});
    }
    if (app.get_subcommands().empty()) return refuse_usage("a command is missing");
    refuse_empty_values(app);
    if (documents.parsed()) return documents.answer(app);
    if (train->parsed()) {
      common.program = "ds-tune train";
      return tune_train(common, training);
    }
    if (score->parsed()) {
      common.program = "ds-tune bench";
      return tune_bench(common, bench);
    }
    common.program = "ds-tune search";
    return tune_search(common, options);
  });
}

}  // namespace

/// All of it is guarded: where memory is short, options themselves are too much.
int main(int argc, char** argv) {
  return ds::cli::guarded([&] { return answer(argc, argv); });
}
