// One case: its job is read, predicted, and laid beside what was measured.
#include <fmt/format.h>

#include <algorithm>

#include "cli/prediction/prediction.h"
#include "cli/validation/validation.h"
#include "simulator/workload/workload.h"

namespace ds::cli {
namespace {

constexpr double kBytesPerGb = 1e9;

struct Value {
  double predicted{};
  bool rate{};     // more is faster
  double sigma{};  // relative
};

workload::Job job_of(const Case& c) {
  workload::Job job = workload::read_job_text(c.job, c.id);
  workload::check_supported(job);
  if (c.stage && *c.stage >= job.plan.pp)
    throw InputError(fmt::format("{}.stage", c.id), fmt::format("is {}", *c.stage),
                     fmt::format("plan.pp is {}, so the last stage is {}", job.plan.pp, job.plan.pp - 1));
  return job;
}

Value value_of(const std::string& metric, const Figures& p, std::optional<std::int64_t> stage) {
  if (metric == "step_time_s") return {p.step_time.value, false, p.sigma};
  if (metric == "tflops_per_gpu") return {p.rates.tflops_per_gpu, true, p.sigma};
  if (metric == "mfu") return {p.rates.uncut_mfu, true, p.sigma};
  if (metric == "tokens_per_s_per_gpu") return {p.rates.tokens_per_s_per_gpu, true, p.sigma};
  if (metric == "peak_memory_gb") {
    const Bytes peak = stage ? p.stage_peaks[static_cast<std::size_t>(*stage)] : p.peak;
    return {static_cast<double>(peak.value) / kBytesPerGb, false, 0};
  }
  return {p.fits() ? 1.0 : 0.0, false, 0};
}

void fill(Row& row, const Value& value) {
  row.predicted = value.predicted;
  if (row.metric == "fits") {
    row.failed = row.measured != value.predicted;
    if (row.failed) row.message = "another verdict on memory";
    return;
  }
  row.error = value.rate ? *row.measured / value.predicted - 1 : value.predicted / *row.measured - 1;
  if (value.sigma > 0) {
    row.low = value.predicted * std::max(0.0, 1 - report::kInterval * value.sigma);
    row.high = value.predicted * (1 + report::kInterval * value.sigma);
  }
}

}  // namespace

std::vector<Row> judge(const Case& c, cost::Fitted fitted) {
  std::vector<Row> rows;
  for (const auto& [metric, measured] : c.measured)
    rows.push_back({.id = c.id,
                    .set = c.set,
                    .trust = c.trust,
                    .metric = metric,
                    .measured = measured.value,
                    .noise = c.noise,
                    .failed = !measured.value,
                    .message = measured.fault});
  if (rows.empty()) rows.push_back({.id = c.id, .set = c.set, .trust = c.trust, .metric = "", .message = ""});
  Outcome outcome{.fault = c.fault};
  if (c.fault.empty())
    attempt(outcome, [&] {
      const workload::Job job = job_of(c);
      const Figures predicted = predict(job, cost::rough_profile(), workload::Depth::event, fitted);
      for (Row& row : rows) {
        row.kind = cost::run_kind(job);
        if (row.failed) continue;
        fill(row, value_of(row.metric, predicted, c.stage));
        // What was measured has run, so it fits.
        if (row.metric != "fits" && !predicted.fits()) row.message = "said not to fit in memory";
      }
    });
  if (!outcome.fault.empty())
    for (Row& row : rows) row.failed = true, row.message = outcome.fault;
  return rows;
}

}  // namespace ds::cli
