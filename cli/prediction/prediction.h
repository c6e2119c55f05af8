#pragma once
// A job, predicted, in the few figures that people compare: one way to predict and one to show for `run`, `compare`, `diff`,
// `sweep` and `validate`.
//
//   const Figures figures = predict(job, profile, workload::Depth::event);
//   for (const Metric& metric : metrics()) fmt::print("{} {}\n", metric.title, metric.shown(*metric.of(figures)));

#include <array>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "simulator/base/progress.h"
#include "simulator/cost/machine.h"
#include "simulator/engine/predict.h"
#include "simulator/report/report.h"
#include "simulator/run/run.h"
#include "simulator/workload/workload.h"

namespace ds::cli {

/// What a prediction says, without the program that it was made from.
struct Figures {
  Seconds step_time;
  double sigma{};  // relative
  report::Rates rates;
  program::TimeParts time;
  memory::Parts memory;            // of the rank that needs most, at its peak
  std::vector<Bytes> stage_peaks;  // of a rank of each stage
  Bytes peak, capacity;            // of a rank
  std::optional<run::WholeRun> whole_run;
  cost::Source weakest{};

  bool fits() const { return peak <= capacity; }
  /// Where it is asked how long the run takes: whether it ends at all.
  bool ends() const { return !whole_run || !whole_run->never_ends; }
};

Figures figures_of(const workload::Job& job, const cost::Machine& machine, const engine::Prediction& p);

/// `job` has passed workload::check_supported; `profile` serves jobs on CPUs.
Figures predict(const workload::Job& job, const cost::Profile& profile, workload::Depth depth,
                cost::Fitted fitted = cost::Fitted::all);

/// One of several jobs: what was read, what was predicted of it, or why that cannot be.
struct Outcome {
  std::string name;                  // for people: the file, or what was varied
  std::optional<workload::Job> job;  // where it could be read
  std::optional<Figures> figures;    // where it could be predicted
  std::string fault;                 // else
  bool bad_input{false};             // whether the fault is the input's

  bool fits() const { return figures && figures->fits(); }
};

/// Calls `step`, and turns what keeps one job from being predicted into its fault: the others are predicted all the same.
void attempt(Outcome& outcome, const std::function<void()>& step);

struct Many {
  std::string depth;  // --depth
  cost::Fitted fitted{cost::Fitted::all};
  std::size_t threads{1};
  Progress progress;
  const StopToken* stop{nullptr};
};
/// Predicts all that could be read, by several threads. After a stop it returns at once: what had not ended by then has neither
/// figures nor fault, and threads that are still in the middle of something are left behind (leave_threads_behind).
void predict_all(std::vector<Outcome>& outcomes, const Many& how);

/// What a job must say for a figure to be there.
enum class Needs : std::uint8_t { step, failures, tokens, power, price };
/// A figure by the name that reports, CSV and options have for it. `of` gives none where the job does not say what it needs.
struct Metric {
  std::string_view name;   // step_time_s
  std::string_view title;  // step time
  std::optional<double> (*of)(const Figures& figures);
  std::string (*shown)(double value);
  bool more_is_better{false};
  Needs needs{Needs::step};
};
std::span<const Metric> metrics();
/// What a job lacks that does not say enough for it.
std::string_view lacking(Needs needs);
/// Throws InputError that names `option`.
const Metric& metric_named(std::string_view name, std::string_view option);
bool is_known_of(const Metric& metric, const workload::Job& job);

/// `name`: for people, "bubble"; `key`: for programs, "pp_bubble".
struct TimePart {
  std::string_view name, key;
  Seconds value;
};
/// In the order in which they are shown.
std::array<TimePart, 10> parts_of(const program::TimeParts& time);
struct MemoryPart {
  std::string_view name;
  Bytes value;
};
std::array<MemoryPart, 6> parts_of(const memory::Parts& memory);

/// Where durations come from: what follows "durations", and the same for a list of what was assumed.
std::string sources_sentence(cost::Source source, bool cpu);
std::string_view sources_word(cost::Source source, bool cpu);

/// Throws InputError where --depth is given and is none, before any job is looked at.
void check_depth_option(const std::string& asked);
/// --depth, or what the job says where it is not given. Throws InputError.
workload::Depth depth_of(const std::string& asked, const workload::Job& job);
/// --fitted: which constants fitted on whole steps count. Throws InputError.
cost::Fitted fitted_of(const std::string& asked);

}  // namespace ds::cli
