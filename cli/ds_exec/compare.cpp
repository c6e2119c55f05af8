// `ds-exec compare`: trains, and lays the measured step beside the predicted one.
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <iterator>
#include <nlohmann/json.hpp>

#include "cli/ds_exec/exec_report.h"
#include "cli/session/traces.h"
#include "executor/calibrate/probe.h"
#include "executor/cores.h"
#include "simulator/base/error.h"

namespace ds::cli {
namespace {

using Json = nlohmann::ordered_json;
using terminal::Align;

// Classes that take less than this share of the step are one line for people; the report has them all.
constexpr double kSmallShare = 0.01;
// Where the machine's speed moved by more than this between before and after, a comparison says little.
constexpr double kDrift = 0.1;
// Interrupts and the clocks themselves take some of a core's time; this much shows.
constexpr double kNoteworthy = 0.03;

struct ClassRow {
  std::string name;
  std::int64_t count{};
  Seconds predicted, measured;
};

std::vector<ClassRow> side_by_side(const program::StepSummary& predicted,
                                   const program::StepSummary& measured) {
  std::vector<ClassRow> rows;
  for (const program::ClassTime& p : predicted.classes) {
    const auto same = std::ranges::find(measured.classes, p.name, &program::ClassTime::name);
    ensure(same != measured.classes.end() && same->count == p.count,
           "both interpreters run the same instructions of every class");
    rows.push_back({p.name, p.count, p.seconds, same->seconds});
  }
  return rows;
}

Json classes_json(const std::vector<ClassRow>& rows) {
  Json list = Json::array();
  for (const ClassRow& r : rows)
    list.push_back({{"class", r.name},
                    {"count", r.count},
                    {"predicted_s", r.predicted.value},
                    {"measured_s", r.measured.value}});
  return list;
}

std::vector<terminal::Cell> row(const std::string& name, Seconds predicted, Seconds measured) {
  return {{name},
          {terminal::duration(predicted)},
          {terminal::duration(measured)},
          terminal::error_cell(predicted / measured - 1)};
}

/// Bytes by rank.
struct Peaks {
  std::vector<Bytes> predicted, measured;
};

/// Of the rank that needs most; equal means on every rank.
std::vector<terminal::Cell> peak_row(const Peaks& peaks) {
  const Bytes predicted = std::ranges::max(peaks.predicted), measured = std::ranges::max(peaks.measured);
  return {{peaks.measured.size() == 1 ? "peak memory of the rank" : "peak memory, fullest rank"},
          {terminal::exact(predicted.value)},
          {terminal::exact(measured.value)},
          peaks.predicted == peaks.measured ? terminal::Cell{"equal", terminal::Hue::green}
                                            : terminal::error_cell(predicted / measured - 1)};
}

std::string table(std::vector<ClassRow> rows, const program::StepSummary& predicted, const Measured& measured,
                  const Peaks& peaks, const terminal::Screen& screen) {
  std::ranges::stable_sort(rows, std::ranges::greater{}, &ClassRow::measured);
  terminal::Table t{.columns = {{"predicted against measured"},
                                {"predicted", Align::right},
                                {"measured", Align::right},
                                {"error", Align::right}},
                    .rows = {}};
  ClassRow rest{.name = "all others"};
  for (const ClassRow& r : rows) {
    if (r.measured / measured.step.step_time >= kSmallShare)
      t.rows.push_back(row(r.name, r.predicted, r.measured));
    else
      rest.predicted += r.predicted, rest.measured += r.measured;
  }
  if (rest.measured.value > 0) t.rows.push_back(row(rest.name, rest.predicted, rest.measured));
  t.rows.emplace_back();
  t.rows.push_back(row("step", predicted.step_time, measured.step.step_time));
  t.rows.push_back(peak_row(peaks));
  return terminal::draw(t, screen);
}

std::string clocks_text(const executor::PlanResult& result, const Measured& measured) {
  if (result.ranks() > 1) return "\nTimes are by the clock, of the rank that ends last. ";
  return fmt::format(
      "\nProcessor time of the rank; by the clock a step took {}. Outside of the arena the process holds {} "
      "(program and libraries).\n",
      terminal::duration(measured.wall), terminal::bytes(result.residents[0] - result.arenas[0]));
}

/// A line, or nothing where it was too little to show in the comparison.
std::string shared_cores_text(double taken, std::int32_t ranks) {
  if (taken < kNoteworthy) return {};
  const std::string share = terminal::percent(taken);
  const auto cores = std::ssize(executor::allowed_cores());
  if (ranks > cores)
    return fmt::format(
        "{} ranks shared {} {}: {} of the time of computing instructions was another's turn.\n", ranks, cores,
        cores == 1 ? "core" : "cores", share);
  return fmt::format(
      "Other programs had the cores for {} of the time of computing instructions: by that much, times by the "
      "clock say more of them than of the prediction.\n",
      share);
}

}  // namespace

int exec_compare(const Common& common, const ExecOptions& options, executor::World* world) {
  const StopToken& stop = watch_signals();
  Phases phases(common);
  const Training training = prepare(common, options, world, phases);
  const engine::Prediction& p = training.prediction;

  phases.begin("probe the machine");
  const executor::GemmProbe before = executor::probe_gemm();
  const Seconds limit_before = executor::gemm_only(training.program());
  phases.begin("train");
  TrainingProgress progress(common, options, training.steps);
  const executor::PlanResult result = train(common, training, stop, world, progress);
  if (result.cut) return end_cut(common, progress, stop);
  phases.begin("probe the machine again");
  const executor::GemmProbe after = executor::probe_gemm();
  const auto measured = measured_summary(training, result);
  const report::Provenance origin = provenance(common, &training.job);
  Json report = exec_report(training, result, origin);
  if (!measured || !result.measured) {
    write_outputs({{common.report, [&] { return report.dump(1) + "\n"; }}, progress.rest_of_metrics()});
    if (talks(common, options)) show(common, "too few steps to measure one: the first two warm up\n");
    return result.stopped ? end_stopped(common, progress, stop) : kHonestNo;
  }
  // The faster of before and after: a limit is what the machine can do, not what it did in a slow minute.
  const Seconds limit =
      result.stopped ? limit_before : std::min(limit_before, executor::gemm_only(training.program()));
  phases.end();
  const std::vector<ClassRow> rows = side_by_side(p.summary, measured->step);
  const double taken = executor::taken_from_cores(training.program(), *result.measured);
  report["measured"]["taken_from_cores"] = taken;
  report["classes"] = classes_json(rows);
  report["gemm_only_s"] = limit.value;
  report["gemm_probe_flops_per_s"] = {{"before", before.cpu.value}, {"after", after.cpu.value}};
  write_outputs({{common.report, [&] { return report.dump(1) + "\n"; }},
                 progress.rest_of_metrics(),
                 {options.trace, [&] {
                    return report::trace(training.program(),
                                         {{"predicted", p.timeline}, {"measured", result.measured->wall}},
                                         origin, trace_format(options.trace), training.shown);
                  }}});
  if (talks(common, options)) {
    show(common, learning_text(training, result));
    const auto tokens =
        static_cast<double>(training.job.train.global_batch * training.job.train.sequence_length);
    show(common, fmt::format("speed      {}, {} of what its matrix products alone would allow\n\n",
                             terminal::rate(tokens / measured->step.step_time.value, "tokens"),
                             terminal::percent(limit / measured->step.step_time)));
    show(common, table(rows, p.summary, *measured, {training.predicted_peaks(), result.arenas},
                       common.screen(STDOUT_FILENO)));
    // In one piece, since the first may go on in the line of the next.
    show(common, clocks_text(result, *measured) + shared_cores_text(taken, training.ranks()) +
                     fmt::format("GEMM probe before {}, after {}{}.\n", terminal::rate(before.cpu),
                                 terminal::rate(after.cpu),
                                 std::abs(after.cpu / before.cpu - 1) > kDrift
                                     ? ": the machine changed its speed meanwhile"
                                     : ""));
    show(common, recalibration_advice(training.job, training.profile));
  }
  return result.stopped ? end_stopped(common, progress, stop) : kDone;
}

}  // namespace ds::cli
