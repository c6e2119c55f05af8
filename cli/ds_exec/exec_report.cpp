// The JSON report of a training run.
#include "cli/ds_exec/exec_report.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "simulator/base/error.h"

namespace ds::cli {
namespace {

using Json = nlohmann::ordered_json;

/// The rows of ranks of one class; the length stays that of the step.
program::Timeline rows_of(const program::Program& program, const program::Timeline& timeline,
                          std::size_t rank_class) {
  program::Timeline rows{.rows = {}, .length = timeline.length};
  for (const program::Row& row : timeline.rows)
    if (program::class_of(program, row.rank) == rank_class) rows.rows.push_back(row);
  return rows;
}

bool same_instructions(const program::StepSummary& a, const program::StepSummary& b) {
  return std::ranges::is_permutation(a.classes, b.classes,
                                     [](const program::ClassTime& x, const program::ClassTime& y) {
                                       return x.name == y.name && x.count == y.count;
                                     });
}

/// Of stages that run the same instructions the one that ends last; which stage of all does is a matter of microseconds,
/// and need not be the predicted one.
program::StepSummary summarise_like(const Training& training, const program::Timeline& timeline,
                                    const program::StepSummary& predicted) {
  const program::Program& program = training.program();
  std::optional<program::StepSummary> best;
  Seconds best_end{};
  for (std::size_t c = 0; c < program.classes.size(); ++c) {
    const program::Timeline rows = rows_of(program, timeline, c);
    const Seconds end = std::ranges::max_element(rows.rows, {}, &program::Row::end)->end;
    program::StepSummary summary = program::summarise(program, rows, training.alone);
    if (!same_instructions(summary, predicted) || (best && end <= best_end)) continue;
    best = std::move(summary);
    best_end = end;
  }
  ensure(best, "both interpreters run the same instructions of every class");
  return *best;
}

Json step_json(const executor::StepRecord& s) {
  return {{"step", s.step},
          {"loss", s.loss},
          {"grad_norm", s.grad_norm},
          {"lr", s.learning_rate},
          {"loss_scale", s.loss_scale},
          {"step_time_s", s.wall.value},
          {"cpu_s", s.cpu.value},
          {"tokens_per_s", s.tokens_per_s}};
}

Json bytes_json(const std::vector<Bytes>& list) {
  Json json = Json::array();
  for (const Bytes bytes : list) json.push_back(bytes.value);
  return json;
}

Json measured_json(const Training& training, const executor::PlanResult& result) {
  Json json = {{"peak_bytes_per_rank", bytes_json(result.arenas)},
               {"resident_bytes_per_rank", bytes_json(result.residents)},
               {"held_back_loss", {{"before", result.held_back_before}}}};
  if (result.held_back_after) json["held_back_loss"]["after"] = *result.held_back_after;
  if (const auto measured = measured_summary(training, result)) {
    json["step_time_s"] = measured->step.step_time.value;
    json["step_time_wall_s"] = measured->wall.value;
    json["clock"] = result.ranks() == 1 ? "thread CPU seconds; _wall_ is wall time"
                                        : "wall time: ranks wait for each other";
    json["time_s"] = report::to_json(measured->step.parts);
  }
  return json;
}

Json predicted_json(const Training& training, const report::Provenance& origin) {
  const engine::Prediction& p = training.prediction;
  const report::Predicted predicted{.job = training.job,
                                    .program = p.program,
                                    .memory = p.memory,
                                    .peak = p.peak,
                                    .summary = p.summary,
                                    .sigma = p.sigma,
                                    .depth = p.timeline.rows.empty() ? "analytic" : "event",
                                    .peak_per_rank = training.profile.gemm_peak,
                                    .peak_source = "best GEMM rate of one core in the profile",
                                    .assumptions = {}};
  return {{"step_time_s", p.summary.step_time.value},
          {"peak_bytes_per_rank", bytes_json(training.predicted_peaks())},
          {"time_s", report::to_json(p.summary.parts)},
          {"report", report::run_report(predicted, origin)}};
}

}  // namespace

std::optional<Measured> measured_summary(const Training& training, const executor::PlanResult& result) {
  if (!result.measured) return std::nullopt;
  const program::Timeline& timeline = (*result.measured).*result.clock();
  return Measured{summarise_like(training, timeline, training.prediction.summary),
                  result.measured->wall.length};
}

std::string metrics_line(const executor::StepRecord& step) { return step_json(step).dump(); }

Json exec_report(const Training& training, const executor::PlanResult& result,
                 const report::Provenance& origin) {
  Json steps = Json::array();
  for (const executor::StepRecord& s : result.steps) steps.push_back(step_json(s));
  return {{"schema", "ds-exec-report-1"},
          {"provenance", report::to_json(origin)},
          {"steps", std::move(steps)},
          {"measured", measured_json(training, result)},
          {"predicted", predicted_json(training, origin)}};
}

}  // namespace ds::cli
