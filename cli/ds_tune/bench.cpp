// `ds-tune bench`: methods of search, evaluation by evaluation, on instances that none of them has learned from.
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <map>
#include <numeric>

#include "cli/ds_tune/commands.h"
#include "cli/ds_tune/learning.h"
#include "cli/session/phases.h"
#include "simulator/base/error.h"
#include "simulator/base/random.h"
#include "simulator/base/statistics.h"
#include "simulator/base/steady_clock.h"
#include "tuner/bench/instance.h"
#include "tuner/bench/race.h"
#include "tuner/bench/recorded.h"
#include "tuner/policy/policy.h"

namespace ds::cli {
namespace {

constexpr std::int64_t kLooks[] = {1, 3, 10, 30, 100, 300, 1000, 3000, 10'000};

/// A method with parameters of its own.
struct Entry {
  std::string name;
  const tuner::Method* method{};
  std::vector<double> parameters;

  bool is_learned() const { return method == &tuner::learned_method(); }
};

/// Best step by evaluation, of one method on one instance and seed.
struct Run {
  std::size_t entry{}, instance{};
  std::uint64_t seed{};
  std::vector<double> best;
  double seconds{};  // of a search whose evaluations were there
};

std::vector<Entry> entries_of(const BenchOptions& options, std::uint64_t seed) {
  std::vector<std::string> names = options.methods;
  if (names.empty()) names = {"random", "heuristic", "anneal", "evolution", "rl"};
  std::vector<Entry> entries;
  for (const std::string& name : names) {
    const tuner::Method* method = tuner::find_any_method(name);
    if (method == nullptr)
      throw InputError("--method", "is " + name, "those of ds-tune search are possible, but for auto");
    entries.push_back({name, method, {}});
    // Parameters by chance, each method as often as the others: which ones are best is for instances apart.
    if (method->parameters.empty()) continue;
    const RandomStream draws(seed, 7);
    for (std::int64_t d = 0; d < options.draws; ++d) {
      Entry drawn{fmt::format("{} #{}", name, d + 1), method, {}};
      for (std::size_t p = 0; p < method->parameters.size(); ++p) {
        const tuner::Parameter& one = method->parameters[p];
        const double share = draws.uniform(static_cast<std::uint64_t>(d) * 16 + p);
        drawn.parameters.push_back(one.least * std::pow(one.most / one.least, share));
      }
      entries.push_back(std::move(drawn));
    }
  }
  return entries;
}

std::vector<tuner::Instance> instances_of(const BenchOptions& options) {
  std::vector<tuner::Instance> all = tuner::read_instances(
      options.instances.empty() ? tuner::default_instances() : std::filesystem::path(options.instances));
  const std::vector<std::string> tiers =
      options.tiers.empty() ? std::vector<std::string>{"D", "E"} : options.tiers;
  std::erase_if(all, [&](const tuner::Instance& one) {
    return std::ranges::find(tiers, name_of(one.tier)) == tiers.end();
  });
  if (all.empty()) throw InputError("--tier", "has no instances", "train, tuning, D and E are possible");
  return all;
}

double regret(const Run& run, std::int64_t evals, double least) {
  if (run.best.empty()) return 1;  // nothing found: as bad as twice the time
  const std::size_t at = std::min(run.best.size(), static_cast<std::size_t>(evals)) - 1;
  return run.best[at] / least - 1;
}

Comparison compared(const std::vector<tuner::Instance>& instances, const std::vector<Entry>& entries,
                    const std::vector<Run>& runs, const std::vector<double>& least,
                    const BenchOptions& options, std::uint64_t seed) {
  Comparison comparison{.best_known = least, .seeds = options.seeds};
  for (const tuner::Instance& one : instances) comparison.instances.push_back(one.name);
  for (const std::int64_t look : kLooks)
    if (look <= options.evals) comparison.looks.push_back(look);
  for (std::size_t e = 0; e < entries.size(); ++e) {
    Comparison::Row row{.name = entries[e].name, .parameters = entries[e].parameters};
    for (const std::int64_t look : comparison.looks) {
      std::vector<double> every;
      std::map<std::size_t, std::vector<double>> by_instance;
      for (const Run& run : runs)
        if (run.entry == e && !std::isinf(least[run.instance])) {
          every.push_back(regret(run, look, least[run.instance]));
          by_instance[run.instance].push_back(every.back());
        }
      Comparison::Look& one = row.looks.emplace_back();
      for (const auto& [instance, all] : by_instance)
        one.by_instance.push_back(std::accumulate(all.begin(), all.end(), 0.0) /
                                  static_cast<double>(all.size()));
      one.regret = tuner::bootstrap(one.by_instance, seed);
      if (!every.empty()) one.nine_in_ten = percentile(every, 0.9);
    }
    for (const Run& run : runs)
      if (run.entry == e) row.seconds += run.seconds;
    comparison.rows.push_back(std::move(row));
  }
  return comparison;
}

std::string comparison_table(const Comparison& comparison, const terminal::Screen& screen) {
  using terminal::Align;
  terminal::Table table{.columns = {{"  method", Align::left}}, .rows = {}};
  for (const std::int64_t look : comparison.looks)
    table.columns.push_back({fmt::format("after {}", look), Align::right});
  table.columns.push_back({"nine in ten", Align::right});
  for (const Comparison::Row& row : comparison.rows) {
    std::vector<terminal::Cell>& cells = table.rows.emplace_back();
    cells.push_back({"  " + row.name});
    for (const Comparison::Look& look : row.looks) cells.push_back({terminal::percent(look.regret.mean)});
    cells.push_back({row.looks.empty() ? "" : terminal::percent(row.looks.back().nine_in_ten)});
  }
  return fmt::format(
      "Steps over the best known, mean of {} instances x {} seeds, after so many evaluations event by "
      "event;\n"
      "of the last, what nine searches in ten are below\n{}",
      comparison.instances.size(), comparison.seeds, terminal::draw(table, screen));
}

}  // namespace

int tune_bench(const Common& common, const BenchOptions& options) {
  check_outputs({{"--report", common.report}});
  const StopToken& stop = watch_signals();
  Phases phases(common);
  phases.begin("read the instances");
  const std::uint64_t seed = common.seed < 0 ? 1 : static_cast<std::uint64_t>(common.seed);
  const std::vector<tuner::Instance> instances = instances_of(options);
  const std::vector<Entry> entries = entries_of(options, seed);
  std::shared_ptr<tuner::Network> network;
  if (std::ranges::any_of(entries, &Entry::is_learned))
    network = tuner::load_policy(options.policy.empty() ? tuner::default_policy()
                                                        : std::filesystem::path(options.policy));
  const cost::Profile profile = cost::rough_profile();

  phases.begin("search");
  terminal::ProgressLine line(common.progress_mode(), common.screen(STDERR_FILENO));
  std::vector<Run> runs;
  std::vector<double> least(instances.size(), std::numeric_limits<double>::infinity());
  const double all = static_cast<double>(instances.size()) * static_cast<double>(options.seeds);
  for (std::size_t i = 0; i < instances.size() && !stop.stop_requested(); ++i) {
    const tuner::Space space = instances[i].space();
    tuner::RecordedJudge judge(space, profile, static_cast<std::size_t>(common.jobs));
    for (std::int64_t s = 0; s < options.seeds && !stop.stop_requested(); ++s) {
      line.update(
          (static_cast<double>(i) * static_cast<double>(options.seeds) + static_cast<double>(s)) / all,
          instances[i].name);
      for (std::size_t e = 0; e < entries.size() && !stop.stop_requested(); ++e) {
        const tuner::Setting setting{.space = space,
                                     .outlook = judge,
                                     .seed = seed + static_cast<std::uint64_t>(s),
                                     .evals = options.evals,
                                     .parameters = entries[e].parameters};
        const Seconds begun = steady_now();
        const auto searcher =
            entries[e].is_learned() ? learned_searcher(setting, *network) : entries[e].method->make(setting);
        Run run{e, i, setting.seed, race(space, judge, *searcher, options.evals), 0};
        run.seconds = (steady_now() - begun).value;
        runs.push_back(std::move(run));
      }
    }
    for (const auto& [candidate, verdict] : judge.known())
      if (verdict.reason == tuner::Reason::evaluated) least[i] = std::min(least[i], verdict.step_time.value);
  }
  line.finish();
  if (stop.stop_requested()) return status_after(stop);

  const Comparison comparison = compared(instances, entries, runs, least, options, seed);
  phases.begin("write");
  if (!common.report.empty())
    write_output(common.report, comparison_report(comparison, provenance(common, nullptr)));
  phases.end();
  if (common.talks()) show(common, comparison_table(comparison, common.screen(STDOUT_FILENO)));
  return kDone;
}

}  // namespace ds::cli
