// The points of a sweep: axes as typed, and the job at each combination.
#include <fmt/format.h>

#include <algorithm>

#include "cli/ds_sim/changed_job.h"
#include "cli/ds_sim/sweep.h"
#include "simulator/base/error.h"

namespace ds::cli {
namespace {

/// At commas outside of brackets, braces and quotes.
std::vector<std::string> split_values(std::string_view text) {
  std::vector<std::string> values(1);
  int depth = 0;
  bool quoted = false;
  for (const char c : text) {
    if (c == '"') quoted = !quoted;
    if (!quoted) depth += c == '[' || c == '{' ? 1 : c == ']' || c == '}' ? -1 : 0;
    if (c == ',' && depth <= 0 && !quoted)
      values.emplace_back();
    else
      values.back() += c;
  }
  return values;
}

/// What --set would take the value for.
std::string json_of(const std::string& value) {
  Document document = parse_document("{}", {});
  apply_override(document, "value=" + value);
  return document.root().member("value").dump();
}

std::size_t points_of(const std::vector<Axis>& axes) {
  std::size_t points = 1;
  for (const Axis& axis : axes) {
    points *= axis.values.size();
    if (points > kMostPoints)
      throw InputError("--over", "makes too many points",
                       fmt::format("at most {} combinations are predicted", kMostPoints));
  }
  return points;
}

void refuse_doubles(const std::vector<Axis>& axes) {
  for (std::size_t a = 0; a < axes.size(); ++a)
    for (std::size_t b = 0; b < a; ++b)
      if (axes[a].path == axes[b].path)
        throw InputError("--over", fmt::format("{} is there twice", axes[a].path),
                         "one list holds all its values");
}

workload::Job job_at(const Sweep& sweep, std::size_t point, const Document& job,
                     const std::filesystem::path& folder) {
  std::vector<std::string> assignments;
  for (std::size_t a = 0; a < sweep.axes.size(); ++a)
    assignments.push_back(fmt::format("{}={}", sweep.axes[a].path, sweep.value(point, a)));
  return changed_job(job, assignments, folder);
}

}  // namespace

Axis axis_of(const std::string& over) {
  const std::size_t equals = over.find('=');
  const std::string example = "such as plan.micro_batch=1,2,4";
  if (equals == std::string::npos || equals == 0)
    throw InputError("--over " + over, "is not PATH=VALUE,VALUE", example);
  Axis axis{.path = over.substr(0, equals), .values = split_values(over.substr(equals + 1)), .json = {}};
  for (const std::string& value : axis.values) {
    if (value.empty()) throw InputError("--over " + over, "has an empty value", example);
    axis.json.push_back(json_of(value));
  }
  return axis;
}

std::size_t Sweep::place(std::size_t point, std::size_t axis) const {
  std::size_t stride = 1;
  for (std::size_t a = axis + 1; a < axes.size(); ++a) stride *= axes[a].values.size();
  return point / stride % axes[axis].values.size();
}

std::size_t Sweep::count_reached() const {
  std::size_t count = 0;
  for (std::size_t i = 0; i < outcomes.size(); ++i) count += reached(i) ? 1 : 0;
  return count;
}

void read_points(Sweep& sweep, const Document& job, const std::filesystem::path& folder,
                 const StopToken& stop) {
  refuse_doubles(sweep.axes);
  sweep.outcomes.resize(points_of(sweep.axes));
  std::optional<InputError> first;
  bool all_alike = true;
  for (std::size_t i = 0; i < sweep.outcomes.size(); ++i) {
    Outcome& outcome = sweep.outcomes[i];
    for (std::size_t a = 0; a < sweep.axes.size(); ++a)
      outcome.name += fmt::format("{}{}={}", a == 0 ? "" : " ", sweep.axes[a].path, sweep.value(i, a));
    if (stop.stop_requested()) {
      all_alike = false;
      continue;
    }
    attempt(outcome, [&] {
      try {
        outcome.job = job_at(sweep, i, job, folder);
      } catch (const InputError& error) {
        if (!first) first = error;
        throw;
      }
    });
    all_alike = all_alike && !outcome.fault.empty() && outcome.fault == sweep.outcomes.front().fault;
  }
  if (all_alike && first) throw InputError(*first);
}

std::optional<std::size_t> best_of(const Sweep& sweep, const Metric& metric) {
  std::optional<std::size_t> best;
  double most = 0;
  for (std::size_t i = 0; i < sweep.outcomes.size(); ++i) {
    const std::optional<Figures>& figures = sweep.outcomes[i].figures;
    if (!figures || !figures->fits()) continue;
    const std::optional<double> value = metric.of(*figures);
    if (!value) continue;
    const double score = metric.more_is_better ? *value : -*value;
    if (!best || score > most) best = i, most = score;
  }
  return best;
}

double largest_of(const Sweep& sweep, const Metric& metric) {
  double most = 0;
  for (const Outcome& outcome : sweep.outcomes)
    if (outcome.figures) most = std::max(most, metric.of(*outcome.figures).value_or(0));
  return most > 0 ? most : 1;
}

}  // namespace ds::cli
