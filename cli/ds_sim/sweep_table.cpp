// A sweep as a table with bars, and as CSV.
#include <fmt/format.h>

#include <algorithm>

#include "cli/ds_sim/sweep.h"

namespace ds::cli {
namespace {

using terminal::Align;
using terminal::Cell;
using terminal::Hue;
using terminal::Table;

constexpr int kBarColumns = 20;

/// Figures that some point has; the asked one first, since bars stand beside it.
std::vector<const Metric*> shown_metrics(const Sweep& sweep, const Metric& asked) {
  std::vector<const Metric*> shown{&asked};
  for (const Metric& metric : metrics()) {
    const auto has = [&](const Outcome& o) { return o.figures && metric.of(*o.figures).has_value(); };
    if (&metric != &asked && std::ranges::any_of(sweep.outcomes, has)) shown.push_back(&metric);
  }
  return shown;
}

/// What is left out first where the window is narrow: figures that follow from the step time.
int importance(const Metric& metric, const Metric& asked) {
  if (&metric == &asked) return terminal::kAlways;
  if (metric.name == "peak_bytes" || metric.name == "step_time_s") return 3;
  return metric.name == "tokens_per_s" || metric.name == "cost_usd" ? 2 : 1;
}

std::string remark(const Sweep& sweep, std::size_t point, std::optional<std::size_t> best) {
  const Outcome& outcome = sweep.outcomes[point];
  if (!outcome.fault.empty()) return "not predicted";
  if (!outcome.figures) return "not reached";
  if (!outcome.fits()) return "does not fit";
  return point == best ? "<- best" : "";
}

/// Quoted where it has to be (RFC 4180).
std::string csv_field(const std::string& text) {
  if (text.find_first_of(",\"\r\n") == std::string::npos) return text;
  std::string quoted = "\"";
  for (const char c : text) quoted += c == '"' ? std::string("\"\"") : std::string(1, c);
  return quoted + '"';
}

std::string csv_line(const std::vector<std::string>& fields) {
  std::string line;
  for (std::size_t i = 0; i < fields.size(); ++i) line += (i == 0 ? "" : ",") + csv_field(fields[i]);
  return line + "\n";
}

}  // namespace

std::string sweep_table(const Sweep& sweep, const Metric& metric, const terminal::Screen& screen) {
  Table table;
  for (const Axis& axis : sweep.axes)
    table.columns.push_back({axis.path, Align::right, terminal::kAlways, 8});
  const std::vector<const Metric*> shown = shown_metrics(sweep, metric);
  for (const Metric* one : shown) {
    table.columns.push_back({std::string(one->title), Align::right, importance(*one, metric)});
    if (one == &metric) table.columns.push_back({"", Align::left, 4});
  }
  table.columns.push_back({""});
  const double most = largest_of(sweep, metric);
  const std::optional<std::size_t> best = best_of(sweep, metric);
  for (std::size_t i = 0; i < sweep.outcomes.size(); ++i) {
    const Outcome& outcome = sweep.outcomes[i];
    std::vector<Cell>& row = table.rows.emplace_back();
    for (std::size_t a = 0; a < sweep.axes.size(); ++a) row.push_back({sweep.value(i, a)});
    for (const Metric* one : shown) {
      const auto value = outcome.figures ? one->of(*outcome.figures) : std::nullopt;
      row.push_back({value ? one->shown(*value) : "-"});
      if (one == &metric)
        row.push_back(
            {terminal::bar(value.value_or(0) / most, kBarColumns), outcome.fits() ? Hue::cyan : Hue::red});
    }
    row.push_back({remark(sweep, i, best), outcome.fits() ? Hue::green : Hue::red});
  }
  return terminal::draw(table, screen);
}

std::string sweep_faults(const Sweep& sweep) {
  constexpr int kMostLines = 20;
  std::string text;
  int told = 0, left = 0;
  for (const Outcome& outcome : sweep.outcomes) {
    if (outcome.fault.empty()) continue;
    if (told++ < kMostLines)
      text += terminal::one_line(fmt::format("{}: {}", outcome.name, outcome.fault)) + "\n";
    else
      ++left;
  }
  if (left > 0) text += fmt::format("and {} more that --report and --csv list\n", left);
  return text.empty() ? "" : "\nnot predicted:\n" + text;
}

std::string sweep_csv(const Sweep& sweep) {
  std::vector<std::string> titles;
  for (const Axis& axis : sweep.axes) titles.push_back(axis.path);
  for (const Metric& metric : metrics()) titles.emplace_back(metric.name);
  for (const TimePart& part : parts_of(program::TimeParts{})) titles.push_back(fmt::format("{}_s", part.key));
  titles.insert(titles.end(), {"capacity_bytes", "fits", "fault"});
  std::string text = csv_line(titles);
  for (std::size_t i = 0; i < sweep.outcomes.size(); ++i) {
    if (!sweep.reached(i)) continue;
    const Outcome& outcome = sweep.outcomes[i];
    std::vector<std::string> fields;
    for (std::size_t a = 0; a < sweep.axes.size(); ++a) fields.push_back(sweep.value(i, a));
    if (const auto& f = outcome.figures) {
      for (const Metric& metric : metrics()) {
        const auto value = metric.of(*f);
        fields.push_back(value ? fmt::format("{}", *value) : "");
      }
      for (const TimePart& part : parts_of(f->time)) fields.push_back(fmt::format("{}", part.value.value));
      fields.insert(fields.end(), {fmt::format("{}", f->capacity.value), f->fits() ? "true" : "false", ""});
    } else {
      fields.resize(titles.size() - 1);
      fields.push_back(outcome.fault);
    }
    text += csv_line(fields);
  }
  return text;
}

}  // namespace ds::cli
