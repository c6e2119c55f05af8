#pragma once
// Predictions held against what was measured, or what others found: `ds-sim validate FILE`.
//
//   for (const Task& task : read_tasks(document, fitted))   // one a case, of whatever kind
//     std::ranges::move(task.rows(), ...);                  // a row for each thing that was measured
//   const Summary summary = summarise(rows);                // errors by metric, set and trust
//
// An error is one of time: predicted / measured - 1, turned round for rates, so that above 0 always means "too slow".

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "simulator/base/json.h"
#include "simulator/cost/evidence.h"
#include "simulator/report/report.h"

namespace ds::cli {

/// One figure of a case, or why it cannot be read.
struct Measured {
  std::optional<double> value;  // fits is 1 or 0
  std::string fault;
};

/// A training step that somebody measured, as it stands in the file. What of it cannot be read is left empty, and why is its fault:
/// the other cases are judged all the same.
struct Case {
  std::string id, set, trust, source;        // id: [3] where the file has none for its fourth
  std::string job;                           // JSON
  std::optional<std::int64_t> stage;         // whose peak was measured; else the largest
  std::optional<double> noise;               // by how much equal runs differ there, as a fraction
  std::map<std::string, Measured> measured;  // by metric: step_time_s, peak_memory_gb, ...
  std::string fault;
};

/// Throws InputError where the file is no list of measured training steps.
std::vector<Case> read_cases(const Document& document);

/// Where a metric is an object, as the ends of flows are.
struct Parts {
  std::map<std::string, double> measured, predicted;
};

/// One metric of one case, or the case where none of its metrics can be read. Without a prediction, or where a verdict is wrong, it
/// has failed, and the message says why.
struct Row {
  std::string id, set, trust, metric;
  std::optional<double> measured;
  std::optional<double> predicted, low, high, error;
  std::optional<double> noise;              // of what was measured
  std::optional<cost::RunKind> kind;        // where it could be predicted
  std::map<std::string, double> tolerance;  // as the case has it, where it has one: {"relative", 0.02}
  std::optional<Parts> parts;               // measured, predicted and error are those of the worst of them
  bool context{};                           // shown, never scored, and in no mean
  bool known_miss{};                        // an honest prediction is far off, and the file says why
  bool failed{};
  std::string message;
};

/// Predicts the case at event depth, with fitted constants up to that level.
std::vector<Row> judge(const Case& c, cost::Fitted fitted);

/// A case of any kind, ready to be judged.
struct Task {
  std::string id;
  std::function<std::vector<Row>()> rows;
};
/// What kind of file it is follows from what stands in it. Throws InputError where it is of none.
std::vector<Task> read_tasks(const Document& document, cost::Fitted fitted);

/// Of absolute errors, as fractions.
struct Score {
  double mean{}, median{}, p95{}, max{};
  int count{};
  std::optional<double> noise;            // mean of what equal runs differ by, where somebody says that
  std::optional<double> inside_interval;  // share of the truths within 95 % of the prediction
  std::optional<double> mean_over_sets;   // of the sets' means
};

/// Scores of one metric. Cases of trust C are range checks and in no mean but that of trust C.
struct MetricSummary {
  Score all;
  std::map<std::string, Score> by_set, by_trust;
};

struct Summary {
  std::map<std::string, MetricSummary> metrics;
  int failed{};
};
Summary summarise(const std::vector<Row>& rows);

/// All of it as JSON text; `fitted` is the word of the command line.
std::string validation_report(const std::vector<Row>& rows, const std::string& fitted,
                              const report::Provenance& provenance);

}  // namespace ds::cli
