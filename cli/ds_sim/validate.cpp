// `ds-sim validate`: predicts measured cases and prints how far it is off.
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <functional>
#include <iterator>

#include "cli/ds_sim/commands.h"
#include "cli/prediction/prediction.h"
#include "cli/session/phases.h"
#include "cli/validation/reliability.h"
#include "cli/validation/validation.h"
#include "simulator/base/error.h"
#include "simulator/base/file.h"

namespace ds::cli {
namespace {

using terminal::Align;
using terminal::Cell;
using terminal::kAlways;
using terminal::kNeeded;
using terminal::Table;

Cell number(const std::optional<double>& value, const std::string& metric) {
  if (!value) return {"-"};
  if (metric == "fits") return {*value != 0 ? "yes" : "no"};
  return {fmt::format("{:.4g}", *value)};
}

/// Below the table, since a window leaves no room for reasons beside the figures.
std::string failures(const std::vector<Row>& rows) {
  std::string text;
  for (const Row& row : rows) {
    if (!row.failed) continue;
    const std::string what = row.metric.empty() ? row.id : fmt::format("{} of {}", row.metric, row.id);
    text += terminal::one_line(fmt::format("{} failed: {}", what, row.message)) + "\n";
  }
  return text;
}

std::string rows_table(const std::vector<Row>& rows, const terminal::Screen& screen) {
  Table table{.columns = {{"case", Align::left, kAlways, 20},
                          {"trust", Align::left, 1},
                          {"metric", Align::left, kAlways, 12},
                          {"measured", Align::right, 2},
                          {"predicted", Align::right, kNeeded},
                          {"error", Align::right},
                          {"", Align::left, 3}},
              .rows = {}};
  for (const Row& row : rows)
    table.rows.push_back({{row.id},
                          {row.trust},
                          {row.metric},
                          number(row.measured, row.metric),
                          number(row.predicted, row.metric),
                          row.error ? terminal::error_cell(*row.error) : Cell{"-"},
                          {!row.failed       ? row.message
                           : screen.terminal ? "failed"
                                             : "failed: " + row.message}});
  return terminal::draw(table, screen) + (screen.terminal ? failures(rows) : "");
}

std::vector<Cell> score_row(const std::string& metric, const std::string& of, const Score& s) {
  return {{metric},
          {of},
          {fmt::format("{}", s.count)},
          {terminal::percent(s.mean)},
          {terminal::percent(s.median)},
          {terminal::percent(s.p95)},
          {terminal::percent(s.max)},
          {s.noise ? terminal::percent(*s.noise) : "-"},
          {s.inside_interval ? terminal::percent(*s.inside_interval) : "-"},
          {s.mean_over_sets ? terminal::percent(*s.mean_over_sets) : ""}};
}

std::string scores_table(const Summary& summary, const terminal::Screen& screen) {
  Table table{.columns = {{"absolute error", Align::left, kAlways, 12},
                          {"of", Align::left, kAlways, 16},
                          {"rows", Align::right, 4},
                          {"mean", Align::right},
                          {"median", Align::right, 2},
                          {"95th", Align::right, 1},
                          {"worst", Align::right, 5},
                          {"noise", Align::right, 6},
                          {"inside", Align::right, 2},
                          {"mean over sets", Align::right, 3}},
              .rows = {}};
  for (const auto& [metric, m] : summary.metrics) {
    for (const auto& [set, s] : m.by_set) table.rows.push_back(score_row(metric, set, s));
    for (const auto& [trust, s] : m.by_trust) table.rows.push_back(score_row(metric, "trust " + trust, s));
    table.rows.push_back(score_row(metric, m.by_trust.empty() ? "all" : "A and B", m.all));
    table.rows.emplace_back();
  }
  return terminal::draw(table, screen);
}

/// A case of any kind.
struct Asked {
  std::string id;
  std::function<std::vector<Row>()> judged;
};

/// What kind of cases a file holds is told by its content.
std::vector<Asked> cases_of(const Document& document, cost::Fitted fitted) {
  std::vector<Asked> asked;
  if (has_reliability_cases(document)) {
    for (ReliabilityCase& c : read_reliability_cases(document))
      asked.push_back({c.id, [c] { return std::vector<Row>{judge(c)}; }});
    return asked;
  }
  for (Case& c : read_cases(document)) asked.push_back({c.id, [c, fitted] { return judge(c, fitted); }});
  return asked;
}

}  // namespace

int sim_validate(const Common& common, const ValidateOptions& options) {
  check_outputs({{"--report", common.report}});
  check_against({{"--report", common.report}}, {{"the list of cases", options.file}});
  const cost::Fitted fitted = fitted_of(options.fitted);
  const Document document = read_document_argument(options.file);
  std::vector<Asked> cases = cases_of(document, fitted);
  std::erase_if(cases, [&](const Asked& c) { return !c.id.starts_with(options.cases); });
  if (cases.empty())
    throw InputError("--case", fmt::format("no case of {} begins with {}", options.file, options.cases));
  std::vector<Row> rows;
  std::size_t failed_cases = 0;
  terminal::ProgressLine line(common.progress_mode(), common.screen(STDERR_FILENO));
  for (std::size_t i = 0; i < cases.size(); ++i) {
    line.update(static_cast<double>(i) / static_cast<double>(cases.size()), cases[i].id);
    std::vector<Row> judged = cases[i].judged();
    if (std::ranges::any_of(judged, &Row::failed)) ++failed_cases;
    std::ranges::move(judged, std::back_inserter(rows));
  }
  line.finish();
  const Summary summary = summarise(rows);
  if (!common.report.empty())
    write_output(common.report, validation_report(rows, options.fitted, provenance(common, nullptr)));
  if (common.talks()) {
    const terminal::Screen screen = common.screen(STDOUT_FILENO);
    show(common, rows_table(rows, screen));
    show(common, "\n");
    show(common, scores_table(summary, screen));
    show(common, fmt::format("{} of {} cases, {} of {} rows failed\n", cases.size() - failed_cases,
                             cases.size(), summary.failed, rows.size()));
  }
  return summary.failed == 0 ? kDone : kHonestNo;
}

}  // namespace ds::cli
