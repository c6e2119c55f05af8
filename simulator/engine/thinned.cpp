// Lines with fewer waits, for the bound.
#include <array>

#include "simulator/engine/recurrence.h"

namespace ds::engine {
namespace {

using PerDirection = std::array<std::size_t, 2>;

template <class Fn>
void for_each_point(const Line& line, Fn&& fn) {
  for (const std::int32_t visit : line.visits)
    for (const Point& point : line.passes[static_cast<std::size_t>(visit)].points) fn(point);
}

bool takes(Stop stop) { return stop == Stop::receive || stop == Stop::arrive; }

/// Only the first and the last message of each direction are sent and waited for. What the lane receives on the way costs
/// its time and no more.
class Thin {
 public:
  explicit Thin(const Line& line) {
    for_each_point(line, [&](const Point& point) {
      if (point.stop == Stop::send) ++sends_[point.direction];
      if (takes(point.stop)) ++receives_[point.direction];
    });
    for (const std::int32_t visit : line.visits) {
      const Pass& pass = line.passes[static_cast<std::size_t>(visit)];
      for (const Point& point : pass.points) add(point);
      since_ += pass.rest;
    }
    whole_.rest = since_;
    line_.passes[0] = std::move(whole_);
  }
  Line take() { return std::move(line_); }

 private:
  static bool at_end(std::size_t k, std::size_t count) { return k == 0 || k + 1 == count; }

  void add(const Point& point) {
    const std::uint8_t d = point.direction;
    switch (point.stop) {
      case Stop::send: return at_end(sent_[d]++, sends_[d]) ? keep(point) : skip(point.after);
      case Stop::receive:
        return at_end(received_[d]++, receives_[d]) ? keep(point) : skip(point.after + point.seconds);
      case Stop::arrive:
        if (!at_end(received_[d]++, receives_[d])) return skip(point.after);
        line_.beside[d].passes.push_back(static_cast<std::int32_t>(line_.passes.size()));
        line_.beside[d].gates.push_back(0);
        line_.passes.push_back({.points = {point}});
        return keep(point);
      case Stop::refill:
      case Stop::release: return skip(point.after);
      case Stop::begin:
      case Stop::wait:
      case Stop::meet:
      case Stop::step: return keep(point);
    }
  }
  void skip(double seconds) { since_ += seconds; }
  void keep(Point point) {
    point.after += since_;
    since_ = 0;
    whole_.points.push_back(point);
  }

  PerDirection sends_{}, receives_{}, sent_{}, received_{};
  double since_{0};  // work since the last point that is kept
  Pass whole_;
  Line line_{.passes = {{}}, .visits = {0}, .beside = {}};
};

}  // namespace

Lines thinned(const Lines& lines) {
  Lines thin{.stages = {}, .parties = lines.parties};
  for (const Line& line : lines.stages) thin.stages.push_back(Thin(line).take());
  return thin;
}

}  // namespace ds::engine
