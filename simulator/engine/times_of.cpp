// From the recurrence's times, which are those of points, back to those of segments.
#include <algorithm>
#include <utility>

#include "simulator/engine/collapse.h"

namespace ds::engine {
namespace {

using program::Instruction;
using program::Kind;

/// The time between a step's begin and what a class does in it, from the recurrence's times, which begin at a meeting.
class Times {
 public:
  Times(const program::Program& program, const Collapsed& collapsed, const Recurrence& recurrence,
        double period, std::size_t rank_class)
      : program_(program),
        collapsed_(collapsed),
        recurrence_(recurrence),
        schedule_(collapsed.schedules[rank_class]),
        period_(period),
        class_(rank_class),
        times_(schedule_.segments.size()) {
    for (std::size_t c = 0; c < collapsed.schedules.size(); ++c)
      step_ = std::max(step_, recurrence.end_of_step(c));
    on_compute_lane();
    for (std::size_t lane = kCompute + 1; lane < times_.size(); ++lane)
      if (!schedule_.segments[lane].empty()) beside(lane);
  }
  std::vector<std::vector<Interval>> take() { return std::move(times_); }

 private:
  /// What lies before Stop::step in the line is the end of the step, one period later.
  double in_step(double time, bool before_step) const { return time - step_ + (before_step ? period_ : 0); }

  void on_compute_lane() {
    const std::vector<Segment>& segments = schedule_.segments[kCompute];
    const std::span<const Spell> points = recurrence_.points(class_);
    const auto left = [&](std::int32_t p) { return p < 0 ? 0 : points[static_cast<std::size_t>(p)].end; };
    for (std::size_t s = 0; s < segments.size(); ++s) {
      const Place& place = collapsed_.places[class_][s];
      const double start = left(place.after) + place.offset;
      const double end = place.own < 0 ? start + segments[s].alone.value : left(place.own);
      times_[kCompute].push_back({{in_step(start, place.before_step)}, {in_step(end, place.before_step)}});
    }
  }

  /// A lane is ready for a communication when it has ended the one before and the compute lane has set it free; for the
  /// first ones that was in the step before.
  void beside(std::size_t lane) {
    const std::vector<Segment>& segments = schedule_.segments[lane];
    const std::vector<double> ends = ends_of(lane);
    double free = ends.back() - period_;
    for (const Segment& segment : segments) {
      double start = free;
      for (std::int32_t w = 0; w < segment.waits.count; ++w)
        start = std::max(start,
                         computed(schedule_.waits[static_cast<std::size_t>(segment.waits.first + w)].ended));
      free = ends[static_cast<std::size_t>(segment.ended) - 1];
      times_[lane].push_back({{start}, {free}});
    }
  }

  /// When the compute lane has ended so many instructions.
  double computed(std::int64_t position) const {
    const bool earlier = position <= 0;
    if (earlier) position += schedule_.lengths[kCompute];
    const std::vector<Segment>& segments = schedule_.segments[kCompute];
    const auto found = std::ranges::lower_bound(segments, position, {}, &Segment::ended);
    return times_[kCompute][static_cast<std::size_t>(found - segments.begin())].end.value -
           (earlier ? period_ : 0);
  }

  /// By instruction of the lane, in the order of the step.
  std::vector<double> ends_of(std::size_t lane) const {
    const Segment& first = schedule_.segments[lane].front();
    const program::Call& call = schedule_.calls[static_cast<std::size_t>(first.call)];
    const auto i = static_cast<std::size_t>(
        schedule_.body(first, lane).instructions[static_cast<std::size_t>(first.first)]);
    const Instruction& instruction = program_.body(call).body[i];
    std::vector<double> ends;
    const auto add = [&](std::span<const Spell> spells, bool before_step) {
      for (const Spell& spell : spells) ends.push_back(in_step(spell.end, before_step));
    };
    if (instruction.kind == Kind::send) {
      add(recurrence_.sent(class_, direction_of(instruction)), false);
    } else if (instruction.kind == Kind::receive) {
      add(recurrence_.received(class_, direction_of(instruction)), false);
    } else {
      const std::span<const Spell> all = recurrence_.collectives(class_);
      const auto before = static_cast<std::size_t>(collapsed_.collectives_before_step[class_]);
      add(all.subspan(before), false);
      add(all.first(before), true);
    }
    return ends;
  }

  const program::Program& program_;
  const Collapsed& collapsed_;
  const Recurrence& recurrence_;
  const StepSchedule& schedule_;
  double period_, step_{};  // the step's begin is where the step before ends on all ranks
  std::size_t class_;
  std::vector<std::vector<Interval>> times_;
};

}  // namespace

std::vector<std::vector<Interval>> times_of(const program::Program& program, const Collapsed& collapsed,
                                            const Recurrence& recurrence, double period,
                                            std::size_t rank_class) {
  return Times(program, collapsed, recurrence, period, rank_class).take();
}

}  // namespace ds::engine
