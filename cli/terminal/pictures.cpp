// Bars and sparklines.
#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include "cli/terminal/terminal.h"

namespace ds::terminal {
namespace {

constexpr std::array<std::string_view, 9> kLeftEighths{"", "▏", "▎", "▍", "▌", "▋", "▊", "▉", "█"};
constexpr std::array<std::string_view, 8> kHeights{"▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};

/// Means of at most `groups` runs of neighbours, so that a long series fits the line.
std::vector<double> averaged(std::span<const double> values, std::size_t groups) {
  if (values.size() <= groups) return {values.begin(), values.end()};
  std::vector<double> means;
  means.reserve(groups);
  for (std::size_t g = 0; g < groups; ++g) {
    const std::size_t begin = g * values.size() / groups;
    const std::size_t end = (g + 1) * values.size() / groups;
    double sum = 0;
    for (const double value : values.subspan(begin, end - begin)) sum += value;
    means.push_back(sum / static_cast<double>(end - begin));
  }
  return means;
}

}  // namespace

std::string bar(double share, int columns) {
  if (!(share > 0) || columns < 1) return {};  // also when it is not a number
  const double wanted = std::min(share, 1.0) * 8 * columns;
  const int eighths = std::max(1, static_cast<int>(std::lround(wanted)));
  std::string drawn;
  for (int full = 0; full < eighths / 8; ++full) drawn += kLeftEighths.back();
  return drawn.append(kLeftEighths.at(static_cast<std::size_t>(eighths % 8)));
}

std::string sparkline(std::span<const double> values, int columns) {
  if (columns < 1) return {};
  const std::vector<double> shown = averaged(values, static_cast<std::size_t>(columns));
  double low = std::numeric_limits<double>::infinity();
  double high = -low;
  for (const double value : shown)
    if (std::isfinite(value)) {
      low = std::min(low, value);
      high = std::max(high, value);
    }
  std::string drawn;
  for (const double value : shown) {
    if (!std::isfinite(value)) {
      drawn += ' ';
      continue;
    }
    const double height = high > low ? (value - low) / (high - low) : 0;
    drawn += kHeights.at(static_cast<std::size_t>(std::lround(height * (kHeights.size() - 1))));
  }
  return drawn;
}

}  // namespace ds::terminal
