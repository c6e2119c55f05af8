// `ds-tune search`: the best plans of a space for a job.
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <memory>
#include <utility>

#include "cli/ds_tune/commands.h"
#include "cli/ds_tune/search_work.h"
#include "cli/session/phases.h"
#include "simulator/base/error.h"
#include "simulator/base/nearest.h"
#include "simulator/export/export.h"
#include "tuner/policy/policy.h"

namespace ds::cli {
namespace {

/// The launch of another program that --export asks for; none where it asks for a job, or for nothing.
std::optional<exports::Wish> wish_of(const SearchOptions& options, const workload::Job& job) {
  if (options.export_as.empty() || options.export_as == "job") return std::nullopt;
  const exports::Format* format = exports::find_format(options.export_as);
  if (format == nullptr) {
    std::vector<std::string_view> known = exports::format_names();
    known.emplace_back("job");
    throw InputError("--export", "is " + options.export_as, listed(known) + " are possible");
  }
  return exports::Wish{.trainer = format->trainer ? *format->trainer : exports::trainer_of(job),
                       .start = format->start,
                       .steps = {},
                       .step_time = {}};
}

void check_constraints(const SearchOptions& options, const workload::Job& job) {
  const auto refuse = [&](const char* path, const char* instead) {
    throw InputError(path, "not supported yet", instead).in_file(job.file);
  };
  if (job.tune.objective != "step_time") refuse("tune.objective", "step_time is");
  if (job.tune.budget) refuse("tune.budget", "--evals and --time-limit are");
  if (const auto wish = wish_of(options, job)) {
    try {
      exports::check_exportable(job, *wish);
    } catch (const InputError& error) {
      throw error.in_file(job.file);
    }
  }
}

/// What a plan's peak does not count: the driver's context and the libraries' workspaces, buffers of NCCL's channels, and
/// what a caching allocator holds beside what lives. A rule of thumb, 6 GB of 80, and no measurement: peaks themselves are
/// within 2.3 % of what was measured.
constexpr double kMarginOfCachingAllocators = 0.08;

double margin_of(const SearchOptions& options, const workload::Job& job) {
  return options.memory_margin.value_or(job.habits.allocator == "arena" ? 0 : kMarginOfCachingAllocators);
}

void withhold(double margin, workload::Cluster& cluster) {
  for (workload::NodeGroup& group : cluster.groups) {
    group.node.memory_bytes_per_gpu *= 1 - margin;
    group.node.machine_memory_bytes *= 1 - margin;
  }
}

/// Combinations that are gone through in minutes; of more, some can be tried.
constexpr tuner::Index kExhaustible = 200'000'000;
/// Plans of a space that is larger, where no limit is set.
constexpr std::int64_t kEvalsOfHuge = 2000;

/// Null for auto.
const tuner::Method* named_method(const SearchOptions& options) {
  std::string asked = options.method;
  if (asked == "auto" && !options.study.empty())  // the limit may be that of one run
    asked = tuner::said_by_study(options.study, "method").value_or(asked);
  if (asked == "auto") return nullptr;
  if (const tuner::Method* method = tuner::find_any_method(asked)) return method;
  throw InputError("--method", asked == "exact" ? "exact is not supported yet" : "is " + asked,
                   method_names() + " are possible");
}

/// Exhaustive, where there is time: its plans are proven. Where the search may end early, those of least work first, which proves as much
/// where it is not ended; in what cannot be gone through, edits of the best so far.
const tuner::Method& automatic_method(const tuner::Space& space, const SearchOptions& options) {
  const bool limited = options.evals || options.time_limit_s;
  return *tuner::find_method(space.size() > kExhaustible ? "anneal" : limited ? "best-first" : "exhaustive");
}

/// How the best that were judged by events hold where costs are off. Nothing where these are fewer than two.
std::vector<tuner::RankingHolds> ranking_of(const std::vector<Judged>& top, std::uint64_t seed) {
  std::vector<program::TimeParts> steps;
  for (const Judged& one : top) {
    if (!one.event) break;  // those behind it were not judged either
    steps.push_back(one.event->parts);
  }
  if (steps.size() < 2) return {};
  std::vector<tuner::RankingHolds> ranking;
  for (const double off : {0.1, 0.2}) ranking.push_back(tuner::ranking_holds(steps, off, seed));
  return ranking;
}

/// The best plan as --export asks for it, on standard output.
void print_best(const Judged& best, const SearchAnswer& answer, const SearchOptions& options,
                const Common& common, const workload::Job& base) {
  std::optional<exports::Wish> wish = wish_of(options, base);
  if (!wish) {
    print(job_text(best.plan, answer));
    return;
  }
  workload::Job job = base;
  job.plan = best.plan;
  workload::settle(job);
  wish->step_time = best.event ? best.event->step_time : best.verdict.step_time;
  try {
    const exports::Exported made = exports::export_launch(job, *wish);
    if (!common.quiet)
      for (const std::string& note : made.notes) tell(note);
    print(made.text);
  } catch (const InputError& error) {
    throw InputError("--export", fmt::format("the best plan cannot be said there: {}", error.what()));
  }
}

/// The job's own plan, complete, or why it is none.
std::optional<workload::Job> own_plan(const workload::Job& base, std::string& fault) {
  if (const auto violation = workload::first_violation(base)) {
    fault = workload::as_error(*violation, base).what();
    return std::nullopt;
  }
  if (const auto path = workload::first_unsupported(base)) {
    fault = fmt::format("{}: not supported yet", *path);
    return std::nullopt;
  }
  workload::Job job = base;
  workload::settle(job);
  return job;
}

}  // namespace

std::string method_names() {
  std::vector<std::string_view> names{"auto"};
  for (const tuner::Method& method : tuner::methods()) names.push_back(method.name);
  names.push_back(tuner::learned_method().name);
  return listed(names);
}

int tune_search(const Common& common, const SearchOptions& asked) {
  SearchOptions options = asked;
  const std::vector<Output> outputs = {{"--report", common.report},
                                       {"--export", options.export_as.empty() ? "" : "-"},
                                       {"--plot", options.plot},
                                       {"--study", options.study, true}};
  if (options.study == "-")
    throw InputError("--study", "is standard output", "a file is needed: a search goes on from it");
  check_outputs(outputs);
  check_against(outputs, {{"the job", options.job},
                          {"the space", options.space == tuner::kWideSpace ? "" : options.space}});
  const tuner::Method* const named = named_method(options);
  end_on_signals();  // nothing has been found that could be saved
  Phases phases(common);
  phases.begin("read the job");
  const Document document = job_document(options.job, common);
  workload::Job base = workload::read_job_parts(document, std::filesystem::path(options.job).parent_path());
  check_constraints(options, base);
  const double margin = margin_of(options, base);
  const workload::Job as_read = base;
  withhold(margin, base.cluster);
  const cost::Profile profile =
      base.cluster.cpu() ? profile_of(base) : cost::rough_profile();  // nobody asks it about GPUs
  check_against(outputs, {{"the profile", profile.path}});
  std::string own_fault;
  const auto work = std::make_shared<SearchWork>(
      base, own_plan(base, own_fault), profile,
      tuner::Constraints{
          .file = options.space, .pins = options.pins, .forbids = options.forbids, .cores = profile.cores},
      static_cast<std::size_t>(common.jobs));
  const tuner::Method& method = named != nullptr ? *named : automatic_method(work->space(), options);
  if (named == nullptr && work->space().size() > kExhaustible && !options.evals && !options.time_limit_s)
    options.evals = kEvalsOfHuge;
  if (!options.study.empty())
    work->keep_in(options.study, study_header({.job = as_read,
                                               .space = work->space(),
                                               .cores = profile.cores,
                                               .method = method.name,
                                               .memory_margin = margin},
                                              options, provenance(common, &base)));

  const StopToken& stop = watch_signals();
  phases.begin("search");
  terminal::ProgressLine progress(common.progress_mode(), common.screen(STDERR_FILENO));
  const tuner::Found found =
      SearchWork::search(work, method,
                         {.stop = stop,
                          .evals = options.evals,
                          .time_limit_s = options.time_limit_s,
                          .top = static_cast<std::size_t>(options.top),
                          .front = options.front,
                          .announced = common.progress_mode() != terminal::ProgressMode::never},
                         progress);

  phases.begin("judge the best once more");
  SearchWork::Judgements judged = SearchWork::judge(work, found);
  if (own_fault.empty() && !judged.baseline) own_fault = kNotJudged;
  std::vector<tuner::RankingHolds> ranking = ranking_of(judged.top, base.seed);
  const SearchAnswer answer{.space = work->space(),
                            .job = document,
                            .found = found,
                            .method = method.name,
                            .top = std::move(judged.top),
                            .front = std::move(judged.front),
                            .baseline = judged.baseline,
                            .baseline_fault = own_fault,
                            .baseline_in_space = work->has_own(),
                            .memory_margin = margin,
                            .shows_front = options.front,
                            .ranking = std::move(ranking)};

  phases.begin("write");
  if (!options.plot.empty() && !answer.top.empty()) write_output(options.plot, search_plot(answer));
  if (!common.report.empty()) write_output(common.report, search_report(answer, provenance(common, &base)));
  if (!options.export_as.empty() && !answer.top.empty())
    print_best(answer.top.front(), answer, options, common, base);
  phases.end();
  if (common.talks() && options.export_as.empty() && options.plot != "-") {
    show(common, search_tables(answer, common.screen(STDOUT_FILENO)));
    if (base.cluster.cpu() && profile.path.empty())
      show(common,
           "durations are a rough default: `ds-exec calibrate` measures this machine in two minutes\n");
  }
  if (const std::string failure = work->failure_of_study(); !failure.empty())
    throw MachineError(fmt::format("{}: cannot write: {}", options.study, failure));
  if (found.end == tuner::End::stopped || (stop.stop_requested() && !judged.complete))
    return status_after(stop);
  return answer.top.empty() ? kHonestNo : kDone;
}

}  // namespace ds::cli
