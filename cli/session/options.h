#pragma once
// The options that all commands share, spelled once. CLI11 takes 12 s to compile and is left to the file of each
// program that parses its command line; `App` is CLI::App there.

#include <algorithm>
#include <initializer_list>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

#include "cli/documents/documents.h"
#include "cli/session/number_option.h"
#include "cli/session/session.h"
#include "cli/session/usage.h"
#include "simulator/base/error.h"
#include "simulator/base/json.h"

namespace ds::cli {

/// Why a command has no use for an option: the answer to whoever gives it. Empty where the option is taken.
struct Refusals {
  std::string_view job, report, progress;  // job: --set and --seed, which change one
};

/// An option that is not in --help. Whoever gives it is told `why` by an InputError, since CLI11's own has no name for what
/// it hides.
template <class App>
void refuse_option(App& app, const char* name, std::string_view why) {
  app.add_option(name)->group("")->expected(0, 1)->check(
      [name, why](const std::string&) -> std::string { throw InputError(name, std::string(why)); });
}

/// An empty value is a variable that a script has not set, and not the option's absence.
template <class App>
void refuse_empty_values(const App& app) {
  for (const App* command : app.get_subcommands())
    for (const auto* option : command->get_options())
      for (const std::string& value : option->results())
        if (value.empty())
          throw InputError(option->get_name(), "has an empty value", "leave it out, or give it one");
}

/// Every option that --help shows, with what follows it.
template <class App>
std::vector<OptionRow> rows_of(const App& app) {
  std::vector<OptionRow> rows;
  for (const auto* option : app.get_options()) {
    if (option->get_group().empty()) continue;
    OptionRow row{.names = {},
                  .value = option->get_items_expected_max() == 0 ? "" : option->get_type_name(),
                  .about = option->get_description(),
                  .positional = option->get_positional(),
                  .least = option->get_required() ? std::max(1, option->get_items_expected_min()) : 0,
                  .most = option->get_items_expected_max()};
    if (row.positional) row.names.push_back(option->get_name(true));
    for (const std::string& name : option->get_snames()) row.names.push_back("-" + name);
    for (const std::string& name : option->get_lnames()) row.names.push_back("--" + name);
    rows.push_back(std::move(row));
  }
  return rows;
}

template <class App>
ProgramTable table_of(const App& app) {
  ProgramTable table{.name = app.get_name(),
                     .about = app.get_description(),
                     .footer = app.get_footer(),
                     .version = version_text(),
                     .options = rows_of(app),
                     .commands = {}};
  for (const App* command : app.get_subcommands([](const App* one) { return !one->get_group().empty(); }))
    table.commands.push_back({command->get_name(), command->get_description(), rows_of(*command)});
  return table;
}

/// Answers a command line that was not understood (`error`: CLI::ParseError), or that asked for --help or --version.
/// `later`: commands that are not there yet.
template <class App, class Error>
int answer_usage(const App& app, const Error& error, int argc, char** argv,
                 std::initializer_list<std::string_view> later) {
  if (error.get_exit_code() == 0) {
    std::ostringstream help;
    app.exit(error, help, help);
    show({}, help.str());
    return kDone;
  }
  const std::vector<std::string> words(argv + std::min(argc, 1), argv + argc);
  if (const auto wrong = wrong_word(table_of(app), words, {later.begin(), later.size()}))
    throw InputError(*wrong);
  return refuse_usage(error.what());
}

/// The commands that tell of the others: scripts for shells, and (for packagers, not in --help) the manual page.
template <class App>
struct Documents {
  App *completions{nullptr}, *manual{nullptr};
  std::string shell;

  void add_to(App& app) {
    completions = app.add_subcommand("completions", "Print completions for a shell");
    completions
        ->add_option("SHELL", shell, "bash, zsh or fish: source <(" + app.get_name() + " completions bash)")
        ->required()
        ->type_name(std::string(kShells));
    manual = app.add_subcommand("man-page", "Print the manual page")->group("");
    for (App* command : {completions, manual}) command->set_version_flag("--version", version_text());
  }
  bool parsed() const { return completions->parsed() || manual->parsed(); }
  int answer(const App& app) const {
    const ProgramTable table = table_of(app);
    print(completions->parsed() ? completion(table, shell) : man_page(table));
    return kDone;
  }
};

/// An option that is a number in that range; `shown` stands for it in --help.
template <class App, class Target, class Range>
void add_number(App& app, const char* name, Target& target, Range range, const char* shown,
                const std::string& about) {
  app.template add_option_function<std::string>(
         name,
         [&target, range, option = std::string(name)](const std::string& text) {
           if (!text.empty()) target = range.read(option, text);  // an empty one is refused with all others
         },
         about)
      ->type_name(shown);
}

template <class App>
void add_job_options(App& app, Common& common) {
  app.add_option("--set", common.set, "Override a value of the job: --set plan.micro_batch=2")
      ->take_all()
      ->type_name("PATH=VALUE");
  add_number(app, "--seed", common.seed, WholeRange{0, kMaxWhole}, "N", "Seed of everything random");
}

template <class App>
void add_report(App& app, Common& common) {
  auto* report = app.add_option("--report", common.report, "Write the report as JSON; - is standard output");
  report->type_name("FILE");
  app.add_flag_callback(
         "--json", [&common] { common.report = "-"; }, "The report on standard output: --report -")
      ->excludes(report);
}

/// More than any machine has cores; no more are taken than are of use.
inline constexpr std::int64_t kMostJobs = 1LL << 16;

template <class App>
void add_common(App& app, Common& common, const Refusals& refusals) {
  app.set_version_flag("--version", version_text());
  if (refusals.job.empty()) {
    add_job_options(app, common);
  } else {
    refuse_option(app, "--set", refusals.job);
    refuse_option(app, "--seed", refusals.job);
  }
  if (refusals.report.empty()) {
    add_report(app, common);
  } else {
    refuse_option(app, "--report", refusals.report);
    refuse_option(app, "--json", refusals.report);
  }
  refuse_option(app, "--html",
                refusals.report.empty() ? "pages are not supported yet; --report gives JSON"
                                        : "pages are not supported yet");
  add_number(app, "--jobs", common.jobs, WholeRange{1, kMostJobs}, "N",
             "Threads beside those of ranks; one for each core. Searches and sweeps use them");
  app.add_flag("-q,--quiet", common.quiet, "Print nothing for people");
  app.add_flag("-v,--verbose", common.verbose,
               "Tell on standard error which files are read and what takes how long");
  app.add_flag("--no-color", common.no_color, "No colours");
  if (refusals.progress.empty())
    app.add_option("--progress", common.progress, "Show how far it is (default auto)")
        ->type_name("auto|always|never");
  else
    refuse_option(app, "--progress", refusals.progress);
}

}  // namespace ds::cli
