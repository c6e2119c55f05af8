// Tables with a column for each job.
#include "cli/ds_sim/side_by_side.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <ranges>
#include <set>

namespace ds::cli {
namespace {

using terminal::Align;
using terminal::Cell;
using terminal::Hue;
using terminal::kAlways;
using terminal::kNeeded;
using terminal::Table;

/// One row: a figure of every job.
struct Line {
  std::string title;
  std::vector<std::optional<double>> values;
  std::string (*shown)(double);
  bool more_is_better{false};
};

template <class Of>
Line line_of(const std::vector<Outcome>& outcomes, std::string title, std::string (*shown)(double), Of of) {
  Line line{.title = std::move(title), .values = {}, .shown = shown};
  for (const Outcome& outcome : outcomes)
    line.values.push_back(outcome.figures ? std::optional<double>(of(*outcome.figures)) : std::nullopt);
  return line;
}

std::string seconds(double value) { return terminal::duration({value}); }
std::string whole_bytes(double value) { return terminal::bytes({static_cast<std::int64_t>(value)}); }

bool says_something(const Line& line) {
  return std::ranges::any_of(line.values, [](const auto& value) { return value.value_or(0) != 0; });
}

/// The figures, with the parts of the step below its time and those of memory below its peak.
std::vector<Line> lines_of(const std::vector<Outcome>& outcomes) {
  std::vector<Line> lines;
  const auto add = [&](Line line) {
    if (says_something(line)) lines.push_back(std::move(line));
  };
  for (const Metric& metric : metrics()) {
    Line line{.title = std::string(metric.title),
              .values = {},
              .shown = metric.shown,
              .more_is_better = metric.more_is_better};
    for (const Outcome& outcome : outcomes)
      line.values.push_back(outcome.figures ? metric.of(*outcome.figures) : std::nullopt);
    add(std::move(line));
    if (metric.name == "step_time_s")
      for (std::size_t i = 0; i < parts_of(program::TimeParts{}).size(); ++i)
        add(line_of(outcomes, fmt::format("  {}", parts_of(program::TimeParts{})[i].name), seconds,
                    [i](const Figures& f) { return parts_of(f.time)[i].value.value; }));
    if (metric.name == "peak_bytes")
      for (std::size_t i = 0; i < parts_of(memory::Parts{}).size(); ++i)
        add(line_of(
            outcomes, fmt::format("  {}", parts_of(memory::Parts{})[i].name), whole_bytes,
            [i](const Figures& f) { return static_cast<double>(parts_of(f.memory)[i].value.value); }));
  }
  return lines;
}

Cell value_cell(const Line& line, std::size_t i) {
  const std::optional<double>& value = line.values[i];
  return {value ? line.shown(*value) : "-"};
}

/// How far job `i` is from the first; green where that is better.
Cell change_cell(const Line& line, std::size_t i) {
  const auto& from = line.values.front();
  const auto& to = line.values[i];
  if (!from || !to || *from == 0 || *from == *to) return {""};
  const double change = *to / *from - 1;
  constexpr double kShows = 0.0005;  // less is +0.0 %
  if (std::abs(change) < kShows) return {""};
  return {terminal::signed_percent(change), (change > 0) == line.more_is_better ? Hue::green : Hue::red};
}

/// By how much the second job's figure is above the first's. Of shares in points: per cent of per cent confuse.
std::string difference_of(const Line& line) {
  const double by = line.values[1].value_or(0) - line.values[0].value_or(0);
  if (line.shown == terminal::percent) return fmt::format("{:+.1f} points", by * 100);
  return (by > 0 ? "+" : "") + line.shown(by);
}

Cell verdict(const Outcome& outcome) {
  if (!outcome.figures) return {"-"};
  if (outcome.fits()) return {"yes"};
  return {"no", Hue::red};
}

/// Names of jobs are titles, and are cut before a table of so many loses a column.
constexpr int kLeastName = 11;

/// The first job and those from `begin` to `end`.
std::string block(const std::vector<Outcome>& outcomes, std::size_t begin, std::size_t end,
                  const terminal::Screen& screen) {
  Table table{.columns = {{""}, {outcomes.front().name, Align::right, kAlways, kLeastName}}, .rows = {}};
  for (std::size_t i = begin; i < end; ++i)
    table.columns.insert(table.columns.end(), {{outcomes[i].name, Align::right, kAlways, kLeastName},
                                               {"", Align::right, kNeeded}});
  for (const Line& line : lines_of(outcomes)) {
    table.rows.push_back({{line.title}, value_cell(line, 0)});
    for (std::size_t i = begin; i < end; ++i)
      table.rows.back().insert(table.rows.back().end(), {value_cell(line, i), change_cell(line, i)});
  }
  table.rows.push_back({{"fits"}, verdict(outcomes.front())});
  for (std::size_t i = begin; i < end; ++i)
    table.rows.back().insert(table.rows.back().end(), {verdict(outcomes[i]), {""}});
  return terminal::draw(table, screen);
}

int width_of(std::string_view drawn) {
  int widest = 0;
  while (!drawn.empty()) {
    const std::size_t end = std::min(drawn.find('\n'), drawn.size() - 1);
    widest = std::max(widest, terminal::columns_of(drawn.substr(0, end)));
    drawn.remove_prefix(end + 1);
  }
  return widest;
}

/// "128 GPUs: 16 x dgx-h100".
std::string cluster_of(const workload::Cluster& cluster) {
  std::string text = fmt::format("{} {}: ", cluster.ranks(), cluster.cpu() ? "ranks" : "GPUs");
  for (const workload::NodeGroup& group : cluster.groups)
    text +=
        fmt::format("{}{} x {}", &group == cluster.groups.data() ? "" : " + ", group.nodes, group.node.name);
  return text;
}

/// The file's name alone where that tells all apart, else all of the path.
std::vector<std::string> short_names(const std::vector<std::string>& files) {
  std::vector<std::string> names;
  for (const std::string& file : files) names.push_back(std::filesystem::path(file).stem().string());
  if (std::set<std::string>(names.begin(), names.end()).size() < files.size()) return files;
  return names;
}

std::string shown_value(const std::string& value) {
  constexpr int kValueColumns = 40;
  return value.empty() ? "-" : terminal::shorten(value, kValueColumns);
}

}  // namespace

std::vector<Outcome> read_jobs(const std::vector<std::string>& files, const Common& common) {
  const std::vector<std::string> names = short_names(files);
  std::vector<Outcome> outcomes;
  for (std::size_t i = 0; i < files.size(); ++i) {
    Outcome& outcome = outcomes.emplace_back();
    outcome.name = names[i];
    attempt(outcome, [&] { outcome.job = read_job(files[i], common); });
  }
  return outcomes;
}

std::string jobs_table(const std::vector<Outcome>& outcomes, const terminal::Screen& screen) {
  Table table{.columns = {{"", Align::left, kAlways, 16},
                          {"", Align::left, 1},
                          {"", Align::left, kAlways, 16},
                          {"", Align::left, kNeeded}},
              .rows = {}};
  for (const Outcome& outcome : outcomes) {
    table.rows.push_back({{outcome.name, Hue::bold}});
    if (!outcome.job) continue;
    const workload::Plan& plan = outcome.job->plan;
    table.rows.back().insert(
        table.rows.back().end(),
        {{outcome.job->model.name},
         {cluster_of(outcome.job->cluster)},
         {fmt::format("tp {}, pp {}, dp {}, micro-batch {}", plan.tp, plan.pp, plan.dp, plan.micro_batch)}});
  }
  return terminal::draw(table, screen);
}

std::string figures_table(const std::vector<Outcome>& outcomes, const terminal::Screen& screen) {
  std::string text;
  for (std::size_t begin = 1; begin < outcomes.size();) {
    std::size_t end = outcomes.size();
    const terminal::Screen endless;
    while (screen.terminal && end > begin + 1 &&
           width_of(block(outcomes, begin, end, endless)) > screen.columns)
      --end;
    text += (text.empty() ? "" : "\n") + block(outcomes, begin, end, screen);
    begin = end;
  }
  return text;
}

std::string changes_table(const Outcome& from, const Outcome& to, const terminal::Screen& screen) {
  Table table{.columns = {{""},
                          {from.name, Align::right, kAlways, kLeastName},
                          {to.name, Align::right, kAlways, kLeastName},
                          {"change", Align::right, 1},
                          {"", Align::right, kNeeded}},
              .rows = {}};
  for (const Line& line : lines_of({from, to})) {
    const Cell change = change_cell(line, 1);
    table.rows.push_back({{line.title},
                          value_cell(line, 0),
                          value_cell(line, 1),
                          {change.text.empty() ? "" : difference_of(line), change.hue},
                          change});
  }
  table.rows.push_back({{"fits"}, verdict(from), verdict(to)});
  return terminal::draw(table, screen);
}

std::string differences_table(const std::vector<Outcome>& outcomes,
                              const std::vector<Difference>& differences, const terminal::Screen& screen) {
  constexpr int kPath = 32, kLeastPath = 24, kLeastValue = 16, kGap = 2;
  const std::size_t at_once =
      screen.terminal
          ? static_cast<std::size_t>(std::max(2, (screen.columns - kPath) / (kLeastValue + kGap))) - 1
          : outcomes.size();
  std::string text;
  for (std::size_t begin = 1; begin < outcomes.size(); begin += at_once) {
    const std::size_t end = std::min(begin + at_once, outcomes.size());
    Table table{.columns = {{"differs", Align::left, kAlways, kLeastPath},
                            {outcomes.front().name, Align::left, kAlways, kLeastValue}},
                .rows = {}};
    for (std::size_t i = begin; i < end; ++i)
      table.columns.push_back({outcomes[i].name, Align::left, kAlways, kLeastValue});
    for (const auto& [path, values] : differences) {
      const std::string& first = values.front();
      const auto is_same = [&](std::size_t i) { return values[i] == first; };
      if (std::ranges::all_of(std::views::iota(begin, end), is_same)) continue;
      auto& row = table.rows.emplace_back();
      row = {{path}, {shown_value(first), Hue::yellow}};
      for (std::size_t i = begin; i < end; ++i)
        row.push_back(is_same(i) ? Cell{"=", Hue::dim} : Cell{shown_value(values[i]), Hue::yellow});
    }
    if (!table.rows.empty()) text += (text.empty() ? "" : "\n") + terminal::draw(table, screen);
  }
  return text;
}

int status_of(const std::vector<Outcome>& outcomes) {
  int status = kDone;
  for (const Outcome& outcome : outcomes) {
    if (outcome.fault.empty()) {
      if (outcome.figures && !outcome.fits()) status = std::max(status, kHonestNo);
      continue;
    }
    status = std::max(status, complain(outcome.bad_input ? kBadInput : kOurMistake, outcome.fault));
  }
  return status;
}

}  // namespace ds::cli
