// `ds-sim run`: predicts one job and prints tables.
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <nlohmann/json.hpp>
#include <utility>
#include <vector>

#include "cli/ds_sim/commands.h"
#include "cli/ds_sim/why.h"
#include "cli/prediction/prediction.h"
#include "cli/session/phases.h"
#include "cli/session/traces.h"
#include "simulator/base/error.h"
#include "simulator/base/hash.h"
#include "simulator/engine/predict.h"
#include "simulator/memory/live_bytes.h"

namespace ds::cli {
namespace {

using terminal::Align;
using terminal::Table;

std::string time_table(const engine::Prediction& p, const terminal::Screen& screen) {
  Table table{.columns = {{""}, {"", Align::right}, {"", Align::right}, {"", Align::left, 1}}, .rows = {}};
  for (const auto& [name, key, seconds] : parts_of(p.summary.parts))
    if (seconds.value > 1e-9 * p.summary.step_time.value)
      table.rows.push_back({{fmt::format("  {}", name)},
                            {terminal::duration(seconds)},
                            {terminal::percent(seconds / p.summary.step_time)},
                            {terminal::bar(seconds / p.summary.step_time, 30), terminal::Hue::cyan}});
  return terminal::draw(table, screen);
}

std::string parts_table(const memory::Parts& m, const terminal::Screen& screen) {
  Table table{.columns = {{""}, {"", Align::right}, {"", Align::left, 1}}, .rows = {}};
  for (const auto& [name, bytes] : parts_of(m))
    table.rows.push_back({{fmt::format("  {}", name)},
                          {terminal::bytes(bytes)},
                          {terminal::bar(bytes / m.total(), 30), terminal::Hue::cyan}});
  return terminal::draw(table, screen);
}

/// A bar for each stage, of what a rank can use.
std::string stages_table(const engine::Prediction& p, Bytes capacity, const terminal::Screen& screen) {
  Table table{.columns = {{""}, {"", Align::right}, {"", Align::left, 1}}, .rows = {}};
  for (std::size_t c = 0; c < p.memory.size(); ++c) {
    const Bytes peak = p.memory[c].total();
    const double share = peak / capacity;
    table.rows.push_back(
        {{fmt::format("  stage {}",
                      p.program.grid.coordinate(program::Axis::pp, p.program.classes[c].first))},
         {terminal::bytes(peak)},
         {terminal::bar(std::min(share, 1.0), 30), share <= 1 ? terminal::Hue::cyan : terminal::Hue::red}});
  }
  return terminal::draw(table, screen);
}

/// What ranks keep in the memory of their hosts.
std::string host_line(const workload::Cluster& cluster, Bytes of_rank) {
  const workload::Node& node = cluster.groups.front().node;
  const auto ranks = std::min<std::int64_t>(node.gpus_per_node, cluster.ranks());
  const Bytes of_node = of_rank * ranks;
  const std::string of =
      node.host_memory_bytes > 0
          ? fmt::format(", of {}", terminal::bytes({static_cast<std::int64_t>(node.host_memory_bytes)}))
          : std::string();
  return fmt::format("  on the host {} a rank, at most {} a node{}\n", terminal::bytes(of_rank),
                     terminal::bytes(of_node), of);
}

std::string memory_table(const workload::Job& job, const engine::Prediction& p, const Figures& figures,
                         const terminal::Screen& screen) {
  const Bytes host = memory::most_host_bytes(p.program);
  return fmt::format("memory     {} at the peak{}, of {} usable: {}\n{}{}{}", terminal::bytes(p.peak),
                     p.memory.size() > 1 ? " of the fullest rank" : "", terminal::bytes(figures.capacity),
                     figures.fits() ? "fits" : "does not fit", parts_table(figures.memory, screen),
                     host.value > 0 ? host_line(job.cluster, host) : std::string(),
                     p.memory.size() > 1 ? stages_table(p, figures.capacity, screen) : std::string());
}

std::string class_table(const engine::Prediction& p, const terminal::Screen& screen) {
  Table table{.columns = {{"instruction class"},
                          {"count", Align::right, 1},
                          {"time", Align::right},
                          {"share", Align::right, 2}},
              .rows = {}};
  std::vector<program::ClassTime> classes = p.summary.classes;
  std::ranges::stable_sort(classes, std::greater<>{}, &program::ClassTime::seconds);
  for (const program::ClassTime& c : classes)
    table.rows.push_back({{c.name},
                          {terminal::exact(c.count)},
                          {terminal::duration(c.seconds)},
                          {terminal::percent(c.seconds / p.summary.step_time)}});
  return "\n" + terminal::draw(table, screen);
}

/// Constants that were fitted on whole steps, each with the cases; then what the job left out: first what follows from its
/// software, its machine or the rest of its plan, behind it what is the same in every job.
void explain(const Common& common, const workload::Job& job, const std::optional<run::WholeRun>& run,
             cost::Fitted fitted) {
  for (const cost::FittedConstant& c : cost::fitted_constants(job, fitted))
    show(common, fmt::format("  seconds of {} x {} ({}: fitted on {})\n", c.name, c.factor,
                             terminal::one_line(c.whose), terminal::one_line(c.fitted_on)));
  std::vector<workload::Assumption> assumptions = job.assumptions;
  std::ranges::stable_partition(assumptions,
                                [](const workload::Assumption& a) { return a.why != "default"; });
  if (run) assumptions.insert(assumptions.begin(), run->assumptions.begin(), run->assumptions.end());
  for (const workload::Assumption& a : assumptions)
    show(common,
         fmt::format("  {}\n", terminal::one_line(fmt::format("{} = {} ({})", a.path, a.value, a.why))));
}

/// A number of things that may be a fraction of one, or more than can be counted.
std::string number_of(double value) {
  constexpr double kCountable = 9e15, kFew = 10;
  if (value > 0 && value < kFew) return fmt::format("{:.2g}", value);
  return value < kCountable ? terminal::exact(std::llround(value)) : fmt::format("{:.3g}", value);
}

/// How long it takes and what that costs; which part of the time counts, and what becomes of the rest.
std::string whole_run_text(const workload::Job& job, const run::WholeRun& run) {
  std::string text;
  if (const auto& length = run.length) {
    text += fmt::format("whole run  {}, {} {}-hours", terminal::duration(length->wall),
                        number_of(length->gpu_hours), job.cluster.cpu() ? "rank" : "GPU");
    if (length->energy_kwh) text += ", " + terminal::energy(*length->energy_kwh);
    if (length->cost_usd) text += ", " + terminal::money(*length->cost_usd);
    text += run.stops ? "\n" : ", if nothing fails\n";
  }
  if (!run.stops) return text;
  const run::Shares& s = run.stops->shares;
  if (run.never_ends)
    return "goodput    0.0 %: failures undo what is done between them, so the run never ends\n";
  text += fmt::format("goodput    {}", terminal::percent(s.useful));
  if (run.goodput_is_band)
    text += fmt::format(", {} to {} at published rates of failures", terminal::percent(run.goodput.low),
                        terminal::percent(run.goodput.high));
  text += fmt::format("; done again {}, saving {}, restarting {}\n", terminal::percent(s.again),
                      terminal::percent(s.saving), terminal::percent(s.restarting));
  const Seconds between = run.stops->failures.between;
  if (!std::isfinite(between.value)) return text + "failures   none\n";
  text += fmt::format("failures   one in {}", terminal::duration(between));
  if (run.length && run.length->failures)
    text += fmt::format(", {} in all", number_of(*run.length->failures));
  return text + fmt::format("; a save every {} stops training for {}\n",
                            terminal::duration(run.stops->interval), terminal::duration(run.stops->write));
}

/// The runs from whose errors the interval follows.
std::string evidence_line(const cost::Evidence& e, std::int64_t ranks) {
  const std::string gpus =
      e.fewest_ranks == e.most_ranks
          ? terminal::exact(e.most_ranks)
          : fmt::format("{} to {}", terminal::exact(e.fewest_ranks), terminal::exact(e.most_ranks));
  const std::string like = e.like.empty() ? "" : fmt::format(" ({})", e.like);
  return fmt::format("rests on   {} published runs on {}{}, {} GPUs, {} off on average{}{}\n", e.runs,
                     terminal::one_line(e.on), like, gpus, terminal::percent(e.mean_error),
                     e.measured_there ? "" : ", unseen by what was fitted",
                     ranks > e.most_ranks ? "; none was as large" : "");
}

/// What bounds the plan, and what changes of it would bring, at the same depth.
void tell_why(const Common& common, const workload::Job& job, const Document& document,
              const std::string& folder, const cost::Machine& machine, const engine::Prediction& p,
              const Figures& figures, workload::Depth depth) {
  const auto step_of = [&](const engine::Durations& durations) {
    return engine::step(p.program, durations, job, machine, depth);
  };
  show(common, bounds_text(p, engine::saved_if_free(p.program, engine::price(p.program, machine), step_of)));
  std::vector<Outcome> changes = one_step_changes(job, document, folder);
  terminal::ProgressLine line(common.progress_mode(), common.screen(STDERR_FILENO));
  predict_all(changes, {.depth = std::string(workload::name_in(workload::kDepths, depth)),
                        .fitted = machine.fitted(),
                        .threads = static_cast<std::size_t>(common.jobs),
                        .progress = line.callback()});
  line.finish();
  show(common, changes_text(changes, figures, common.screen(STDOUT_FILENO)));
}

void tell(const Common& common, const RunOptions& options, const workload::Job& job,
          const engine::Prediction& p, const Figures& figures, std::string_view advice,
          const std::function<void()>& why) {
  const terminal::Screen screen = common.screen(STDOUT_FILENO);
  const report::Rates& r = figures.rates;
  show(common, fmt::format("{}, {} parameters, {} rank{}, {} sequence{} of {} tokens a step\n",
                           terminal::one_line(job.model.name),
                           terminal::exact(workload::parameters(job.model, job.train.sequence_length)),
                           job.cluster.ranks(), job.cluster.ranks() == 1 ? "" : "s", job.train.global_batch,
                           job.train.global_batch == 1 ? "" : "s", job.train.sequence_length));
  show(common, fmt::format("step time  {} ± {} (95 % interval)\n", terminal::duration(p.summary.step_time),
                           terminal::percent(report::kInterval * p.sigma)));
  if (p.evidence) show(common, evidence_line(*p.evidence, job.cluster.ranks()));
  show(common, fmt::format("rate       {}, {} a {} as Megatron-LM counts, {} of peak\n",
                           terminal::rate(r.tokens_per_s, "tokens"),
                           terminal::rate(FlopsPerSecond{r.tflops_per_gpu * 1e12}),
                           job.cluster.cpu() ? "rank" : "GPU", terminal::percent(r.mfu)));
  if (figures.whole_run) show(common, whole_run_text(job, *figures.whole_run));
  show(common, time_table(p, screen));
  show(common, memory_table(job, p, figures, screen));
  if (options.explain) {
    why();
    show(common, class_table(p, screen));
  }
  show(common, fmt::format("durations {}\n", sources_sentence(p.weakest, job.cluster.cpu())));
  show(common, advice);
  for (const workload::Warning& one : workload::trainer_warnings(job))
    show(common, fmt::format("warning    {}: {}\n", one.path, terminal::one_line(one.text)));
  if (!options.trace.empty())
    show(common, fmt::format("trace      {} of {} ranks in {}\n",
                             options.trace_ranks.empty()
                                 ? fmt::format("one of each stage, {}", p.program.classes.size())
                                 : options.trace_ranks,
                             job.cluster.ranks(), terminal::one_line(options.trace)));
  if (options.explain) explain(common, job, figures.whole_run, fitted_of(options.fitted));
}

}  // namespace

int sim_run(const Common& common, const RunOptions& options) {
  const std::vector<Output> outputs = {
      {"--report", common.report}, {"--trace", options.trace}, {"--dump-program", options.dump_program}};
  check_outputs(outputs);
  check_against(outputs, {{"the job", options.job}});
  Phases phases(common);
  phases.begin("read the job");
  const Document document = job_document(options.job, common);
  const std::string folder = std::filesystem::path(options.job).parent_path();
  const workload::Job job = workload::read_job_document(document, folder);
  workload::check_supported(job);
  const workload::Depth depth = depth_of(options.depth, job);
  const cost::Fitted fitted = fitted_of(options.fitted);
  workload::check_depth(job, depth);
  if (!options.trace.empty() && depth != workload::Depth::event)
    throw InputError("--trace", "needs the instructions", "--depth event has them");
  const std::vector<std::int32_t> shown =
      trace_ranks(options.trace_ranks, static_cast<std::int32_t>(job.cluster.ranks()));
  if (!shown.empty() && options.trace.empty())
    throw InputError("--trace-ranks", "says what a trace shows", "add --trace");
  const cost::Profile profile = profile_of(job);
  check_against(outputs, {{"the profile", profile.path}});
  phases.begin("predict");
  const cost::Machine machine(job, profile, fitted);
  const engine::Prediction p =
      engine::predict(job, machine, depth, options.trace.empty() ? engine::Rows::none : engine::Rows::all);
  const Figures figures = figures_of(job, machine, p);
  phases.note(fmt::format("program {}, {} operators, {} buffers", hex(p.program.hash), p.program.ops.size(),
                          p.program.buffers.size()));

  // All texts before the first file, so that what ends us early leaves no part of the answer without the rest.
  phases.begin("render");
  const report::Provenance origin = provenance(common, &job);
  report::Predicted predicted{
      .job = job,
      .program = p.program,
      .memory = p.memory,
      .peak = p.peak,
      .summary = p.summary,
      .sigma = p.sigma,
      .evidence = p.evidence,
      .depth = std::string(workload::name_in(workload::kDepths, depth)),
      .peak_per_rank = machine.peak_per_rank(),
      .peak_source = machine.peak_source(),
      .assumptions = {
          {"cost.operators", std::string(sources_word(p.weakest, job.cluster.cpu())), "weakest source"}}};
  if (fitted != cost::Fitted::all)
    predicted.assumptions.push_back({"cost.fitted", options.fitted, "asked with --fitted"});
  std::vector<std::pair<std::string, std::string>> files;  // target, content
  if (!options.trace.empty())
    files.emplace_back(options.trace, report::trace(p.program, {{"predicted", p.timeline}}, origin,
                                                    trace_format(options.trace), shown));
  if (!options.dump_program.empty()) files.emplace_back(options.dump_program, program::to_text(p.program));
  if (!common.report.empty())
    files.emplace_back(common.report, report::run_report(predicted, origin).dump(1) + "\n");
  phases.begin("write");
  std::vector<Content> contents;
  for (auto& [target, text] : files)
    contents.push_back({target, [&rendered = text] { return std::move(rendered); }});
  write_outputs(contents);
  phases.end();
  if (common.talks() && options.trace != "-" && options.dump_program != "-")
    tell(common, options, job, p, figures, recalibration_advice(job, profile),
         [&] { tell_why(common, job, document, folder, machine, p, figures, depth); });
  return figures.fits() && figures.ends() ? kDone : kHonestNo;
}

}  // namespace ds::cli
