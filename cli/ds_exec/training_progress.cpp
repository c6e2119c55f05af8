// Tells of steps as they end.
#include "cli/ds_exec/training_progress.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>

#include "cli/ds_exec/exec_report.h"

namespace ds::cli {
namespace {

/// "a.json and b.jsonl hold what was reached"
std::string kept(std::vector<std::string> files) {
  std::erase(files, "");
  std::ranges::replace(files, "-", "standard output");
  if (files.empty()) return "no file was asked for (--metrics, --report)";
  if (files.size() == 1) return files[0] + " holds what was reached";
  return fmt::format("{} and {} hold what was reached", files[0], files[1]);
}

}  // namespace

TrainingProgress::TrainingProgress(const Common& common, const ExecOptions& options, std::int64_t steps)
    : steps_(steps),
      report_(common.report),
      line_(common.progress_mode(), common.screen(STDERR_FILENO)),
      metrics_(options.metrics) {
  set_last_words(stopped(true));
}

void TrainingProgress::step(const executor::StepRecord& step) {
  seen_.push_back(step);
  metrics_.add(metrics_line(step));
  line_.update(static_cast<double>(step.step + 1) / static_cast<double>(steps_),
               fmt::format("step {}/{}  loss {:.3f} {}  {}", step.step + 1, steps_, step.loss,
                           terminal::sparkline(losses(seen_), kSparkColumns),
                           terminal::rate(step.tokens_per_s, "tokens")),
               executor::time_left(seen_, steps_));
  set_last_words(stopped(true));
}

std::string TrainingProgress::stopped(bool in_the_middle) const {
  if (seen_.empty()) return fmt::format("stopped before the first of {} steps", steps_);
  const std::string where = fmt::format("stopped at step {} of {}", seen_.size(), steps_);
  if (!in_the_middle) return fmt::format("{}; {}", where, kept({metrics_.target(), report_}));
  return fmt::format("{}, in the middle of the next, which took too long to wait for; {}", where,
                     kept({metrics_.target()}));
}

Content TrainingProgress::rest_of_metrics() const {
  return {metrics_.failed() ? metrics_.target() : "", [this] {
            std::string lines;
            for (const executor::StepRecord& step : seen_) lines += metrics_line(step) + "\n";
            return lines;
          }};
}

std::vector<double> losses(const std::vector<executor::StepRecord>& steps) {
  std::vector<double> result;
  for (const executor::StepRecord& s : steps) result.push_back(s.loss);
  return result;
}

}  // namespace ds::cli
