// What `ds-tune search` found as a picture: the best plans by their step times, and what smaller ones cost.
#include <fmt/format.h>

#include <algorithm>
#include <vector>

#include "cli/chart/svg.h"
#include "cli/ds_tune/commands.h"

namespace ds::cli {
namespace {

constexpr double kWidth = 760, kLeft = 90, kRight = 720, kRow = 38, kPanel = 340, kMargin = 40;

double gigabytes(const Judged& one) { return static_cast<double>(one.verdict.peak.value) / 1e9; }

/// The job's own plan stands among the best, or last.
std::vector<const Judged*> with_own(const std::vector<Judged>& plans, const std::optional<Judged>& own) {
  std::vector<const Judged*> all;
  for (const Judged& one : plans) all.push_back(&one);
  if (own && std::ranges::none_of(plans, [&](const Judged& one) { return one.plan == own->plan; }))
    all.push_back(&*own);
  return all;
}

std::string bars(const SearchAnswer& answer, const std::vector<const Judged*>& plans, double top) {
  Seconds slowest;
  for (const Judged* one : plans) slowest = std::max(slowest, one->verdict.step_time);
  const Seconds least = answer.top.front().verdict.step_time;
  std::string svg;
  double y = top;
  for (const Judged* one : plans) {
    const bool is_own = answer.baseline && one->plan == answer.baseline->plan;
    const double width = (kRight - kLeft) * (one->verdict.step_time / slowest);
    svg += chart::text_at(
        kLeft, y, "start",
        tuner::describe(one->plan, answer.space) + (!is_own             ? ""
                                                    : one->verdict.fits ? " (the job's plan)"
                                                                        : " (the job's plan, does not fit)"));
    svg += fmt::format(R"(<rect x="{:.1f}" y="{:.1f}" width="{:.1f}" height="12" fill="{}"/>)"
                       "\n",
                       kLeft, y + 5, width, chart::kColours[is_own ? 1 : 0]);
    svg += chart::text_at(kLeft - 8, y + 15, "end", terminal::in_unit_of(least, one->verdict.step_time));
    y += kRow;
  }
  return svg;
}

/// Where a plan stands in the second panel.
struct Frame {
  double top, most_gigabytes, most_seconds;
  double bottom() const { return top + kPanel; }
  double x(double of) const { return kLeft + of / most_gigabytes * (kRight - kLeft); }
  double y(double of) const { return bottom() - of / most_seconds * kPanel; }
};

std::string dots(const SearchAnswer& answer, const std::vector<const Judged*>& plans, const Frame& frame,
                 std::string_view colour) {
  std::string svg;
  for (const Judged* one : plans)
    svg += chart::dot(
        frame.x(gigabytes(*one)), frame.y(one->verdict.step_time.value), colour, !one->verdict.fits,
        fmt::format("{}: {}, {}", tuner::describe(one->plan, answer.space),
                    terminal::duration(one->verdict.step_time), terminal::bytes(one->verdict.peak)));
  return svg;
}

/// Steps down to the right: with less memory than a plan needs only the next smaller one is left.
std::string stairs(const std::vector<Judged>& front, const Frame& frame) {
  std::string path;
  for (std::size_t i = 0; i < front.size(); ++i) {
    const double x = frame.x(gigabytes(front[i])), y = frame.y(front[i].verdict.step_time.value);
    path += i == 0 ? fmt::format("M{:.1f} {:.1f}", x, y) : fmt::format(" V{:.1f} H{:.1f}", y, x);
  }
  return fmt::format(R"(<path d="{}" fill="none" stroke="{}" stroke-width="2"/>)"
                     "\n",
                     path, chart::kColours[0]);
}

std::string front_panel(const SearchAnswer& answer, double top) {
  std::vector<const Judged*> shown = with_own(answer.front, answer.baseline);
  for (const Judged& one : answer.top) shown.push_back(&one);
  Frame frame{.top = top, .most_gigabytes = 0, .most_seconds = 0};
  for (const Judged* one : shown) {
    frame.most_gigabytes = std::max(frame.most_gigabytes, gigabytes(*one));
    frame.most_seconds = std::max(frame.most_seconds, one->verdict.step_time.value);
  }
  frame.most_gigabytes = chart::end_of(frame.most_gigabytes);
  frame.most_seconds = chart::end_of(frame.most_seconds);
  const Seconds least = answer.front.front().verdict.step_time;
  std::string svg = chart::lines_across(
      kLeft, kRight, frame.most_seconds, [&](double value) { return frame.y(value); },
      [&](double value) { return value == 0 ? "0" : terminal::in_unit_of(least, Seconds{value}); });
  const double tick = chart::tick_of(frame.most_gigabytes);
  for (int i = 0; i * tick <= frame.most_gigabytes * (1 + 1e-9); ++i)
    svg +=
        chart::text_at(frame.x(i * tick), frame.bottom() + 20, "middle", fmt::format("{:.6g} GB", i * tick));
  std::vector<const Judged*> front, others;
  for (const Judged& one : answer.front) front.push_back(&one);
  for (const Judged& one : answer.top) others.push_back(&one);
  svg += stairs(answer.front, frame) + dots(answer, others, frame, chart::kColours[2]);
  if (answer.baseline) svg += dots(answer, {&*answer.baseline}, frame, chart::kColours[1]);
  return svg + dots(answer, front, frame, chart::kColours[0]);
}

}  // namespace

std::string search_plot(const SearchAnswer& answer) {
  const std::vector<const Judged*> plans = with_own(answer.top, answer.baseline);
  const std::string name = terminal::one_line(answer.space.base().model.name);
  constexpr double kFirst = 70;
  const double second = kFirst + kRow * static_cast<double>(plans.size()) + kMargin;
  std::string svg = chart::text_at(kLeft, 32, "start", fmt::format("{}: step time by plan", name), 16);
  svg += bars(answer, plans, kFirst);
  svg +=
      chart::text_at(kLeft, second, "start",
                     answer.found.front_is_whole
                         ? "What smaller plans cost: peak memory and step time, no plan is below the line"
                         : "What smaller plans cost: peak memory and step time, of the plans that were tried",
                     16);
  svg += front_panel(answer, second + 20);
  return chart::picture(kWidth, second + kPanel + 2 * kMargin, svg);
}

}  // namespace ds::cli
