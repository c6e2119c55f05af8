// Writes the parts of charts.
#include "cli/chart/svg.h"

#include <fmt/format.h>

#include <cmath>

namespace ds::chart {
namespace {

constexpr double kRounding = 1e-9;

/// Text as it may stand between tags; control characters become blanks.
std::string escaped(std::string_view text) {
  std::string safe;
  for (const char c : text) switch (c) {
      case '<': safe += "&lt;"; break;
      case '>': safe += "&gt;"; break;
      case '&': safe += "&amp;"; break;
      case '"': safe += "&quot;"; break;
      default: safe += static_cast<unsigned char>(c) < 0x20 ? ' ' : c;
    }
  return safe;
}

}  // namespace

std::string picture(double width, double height, const std::string& drawn) {
  return fmt::format(
      R"(<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {0:.0f} {1:.0f}" width="{0:.0f}" height="{1:.0f}" font-family="sans-serif" fill="#222">)"
      "\n<rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>\n{2}</svg>\n",
      width, height, drawn);
}

std::string text_at(double x, double y, std::string_view anchor, std::string_view text, int size) {
  return fmt::format(R"(<text x="{:.1f}" y="{:.1f}" text-anchor="{}" font-size="{}">{}</text>)"
                     "\n",
                     x, y, anchor, size, escaped(text));
}

double tick_of(double most) {
  constexpr double kTicks = 5;
  const double rough = most / kTicks, power = std::pow(10.0, std::floor(std::log10(rough)));
  for (const double round : {1.0, 2.0, 5.0})
    if (rough <= round * power) return round * power;
  return 10 * power;
}

double end_of(double most) {
  const double tick = tick_of(most);
  return std::ceil(most / tick) * tick;
}

std::string dot(double x, double y, std::string_view colour, bool hollow, std::string_view says) {
  return fmt::format(R"(<circle cx="{:.1f}" cy="{:.1f}" r="4" fill="{}" stroke="{}" stroke-width="2">)"
                     "<title>{}</title></circle>\n",
                     x, y, hollow ? "#fff" : colour, colour, escaped(says));
}

std::string lines_across(double left, double right, double most, const std::function<double(double)>& y,
                         const std::function<std::string(double)>& says) {
  std::string svg;
  const double tick = tick_of(most);
  for (int i = 0; i * tick <= most * (1 + kRounding); ++i) {
    const double at = y(i * tick);
    svg += fmt::format(R"(<line x1="{:.1f}" y1="{:.1f}" x2="{:.1f}" y2="{:.1f}" stroke="#ddd"/>)"
                       "\n",
                       left, at, right, at);
    svg += text_at(left - 8, at + 4, "end", says(i * tick));
  }
  return svg;
}

}  // namespace ds::chart
