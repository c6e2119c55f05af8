// Lines with fewer waits, for the bound.
#include <array>
#include <utility>

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
      case Stop::send: keep_if(at_end(sent_[d]++, sends_[d]), point, 0); break;
      case Stop::receive: keep_if(at_end(received_[d]++, receives_[d]), point, point.seconds); break;
      case Stop::arrive: {
        const bool kept = at_end(received_[d]++, receives_[d]);
        if (kept) receive_beside(point);
        keep_if(kept, point, 0);
        break;
      }
      case Stop::refill:
      case Stop::release: keep_if(false, point, 0); break;
      case Stop::begin:
      case Stop::wait:
      case Stop::meet:
      case Stop::step: keep_if(true, point, 0); break;
    }
  }

  void receive_beside(const Point& point) {
    ReceiveLane& lane = line_.beside[point.direction];
    lane.passes.push_back(static_cast<std::int32_t>(line_.passes.size()));
    lane.gates.push_back(0);
    line_.passes.push_back({.points = {point}});
  }

  /// A point that is left out takes the time `instead`.
  void keep_if(bool kept, Point point, double instead) {
    since_ += point.after;
    if (!kept) {
      since_ += instead;
      return;
    }
    point.after = std::exchange(since_, 0);
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
