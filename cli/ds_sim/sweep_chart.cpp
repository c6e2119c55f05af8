// A sweep as a chart.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <functional>

#include "cli/chart/svg.h"
#include "cli/ds_sim/sweep.h"

namespace ds::cli {
namespace {

constexpr double kWidth = 720, kHeight = 420, kLeft = 90, kTop = 50, kBottom = 60;

/// Where the values of the first axis stand, from 0 to 1: as numbers where they are numbers that ascend, by their logarithms
/// where they span an order of magnitude; else side by side.
std::vector<double> places_of(const Axis& axis) {
  std::vector<double> at;
  for (const std::string& value : axis.json) {
    char* end = nullptr;
    at.push_back(std::strtod(value.c_str(), &end));
    if (*end != '\0') at.back() = std::nan("");
  }
  const bool numbers = std::ranges::none_of(at, [](double x) { return std::isnan(x); }) &&
                       std::ranges::adjacent_find(at, std::greater_equal<>{}) == at.end();
  if (!numbers)
    for (std::size_t i = 0; i < at.size(); ++i) at[i] = static_cast<double>(i);
  constexpr double kDecade = 8;
  if (numbers && at.front() > 0 && at.back() / at.front() >= kDecade)
    for (double& x : at) x = std::log(x);
  const double first = at.front(), span = at.back() - first;
  for (double& x : at) x = span > 0 ? (x - first) / span : 0.5;
  return at;
}

struct Frame {
  double left{kLeft}, right, top{kTop}, bottom{kHeight - kBottom}, most;
  double x(double share) const { return left + 20 + share * (right - left - 40); }
  double y(double value) const { return bottom - value / most * (bottom - top); }
};

/// A point that does not fit into memory is hollow.
std::string point(double x, double y, std::string_view colour, const Outcome& outcome,
                  const std::string& value) {
  return chart::dot(x, y, colour, !outcome.fits(),
                    fmt::format("{}: {}{}", outcome.name, value, outcome.fits() ? "" : ", does not fit"));
}

/// One line of the chart: the points that have all but the first axis in common.
std::string series(const Sweep& sweep, const Metric& metric, const Frame& frame,
                   const std::vector<double>& places, std::size_t offset, std::string_view colour) {
  const std::size_t stride = sweep.outcomes.size() / sweep.axes.front().values.size();
  std::string path, points;
  bool joined = false;
  for (std::size_t i = 0; i < places.size(); ++i) {
    const Outcome& outcome = sweep.outcomes[i * stride + offset];
    const auto value = outcome.figures ? metric.of(*outcome.figures) : std::nullopt;
    if (value) {
      const double x = frame.x(places[i]), y = frame.y(*value);
      path += fmt::format("{}{:.1f} {:.1f} ", joined ? "L" : "M", x, y);
      points += point(x, y, colour, outcome, metric.shown(*value));
    }
    joined = value.has_value();
  }
  return fmt::format(R"(<path d="{}" fill="none" stroke="{}" stroke-width="2"/>)"
                     "\n{}",
                     path, colour, points);
}

std::string series_name(const Sweep& sweep, std::size_t offset) {
  std::string name;
  for (std::size_t a = 1; a < sweep.axes.size(); ++a)
    name += fmt::format("{}{}={}", a == 1 ? "" : " ", sweep.axes[a].path, sweep.value(offset, a));
  return name;
}

}  // namespace

std::string sweep_svg(const Sweep& sweep, const Metric& metric, const std::string& title) {
  const Axis& axis = sweep.axes.front();
  const std::vector<double> places = places_of(axis);
  const std::size_t lines = sweep.outcomes.size() / axis.values.size();
  const double legend = lines > 1 ? 220 : 20;
  const Frame frame{.right = kWidth, .most = chart::end_of(largest_of(sweep, metric))};
  const double height = std::max(kHeight, kTop + 18.0 * static_cast<double>(lines) + 20);
  std::string svg = chart::text_at(frame.left, 28, "start", fmt::format("{}: {}", title, metric.title), 16) +
                    chart::lines_across(
                        frame.left, frame.right, frame.most, [&](double value) { return frame.y(value); },
                        [&](double value) { return value == 0 ? "0" : metric.shown(value); });
  for (std::size_t i = 0; i < places.size(); ++i)
    svg += chart::text_at(frame.x(places[i]), frame.bottom + 20, "middle", axis.values[i]);
  svg += chart::text_at((frame.left + frame.right) / 2, frame.bottom + 44, "middle", axis.path, 14);
  for (std::size_t line = 0; line < lines; ++line) {
    const std::string_view colour = chart::kColours.at(line % chart::kColours.size());
    svg += series(sweep, metric, frame, places, line, colour);
    if (lines == 1) continue;
    const double y = kTop + 18.0 * static_cast<double>(line);
    svg += fmt::format(R"(<rect x="{:.1f}" y="{:.1f}" width="12" height="4" fill="{}"/>)"
                       "\n",
                       kWidth + 16, y, colour);
    svg += chart::text_at(kWidth + 34, y + 6, "start", series_name(sweep, line));
  }
  return chart::picture(kWidth + legend, height, svg);
}

}  // namespace ds::cli
