#pragma once
// What a batch knows of the best plans while it goes on: whether one that is still to be judged can be among them.

#include <utility>

#include "tuner/space/judge.h"

namespace ds::tuner {

class Standing {
 public:
  /// Begins with what `judging` says of plans before; it has to outlive this.
  explicit Standing(const Judging& judging) : judging_(&judging), leaders_(judging.top) {
    for (const Judging::Best& one : judging.best) leaders_.add({one.kind, one.step_time, {}});
    if (judging.front)
      for (const Extent& one : *judging.front) front_.add({one, {}});
  }

  bool cuts() const { return judging_->top > 0; }
  bool empty() const { return leaders_.all().empty(); }

  /// Whether a plan of that kind is not among the best, whose step takes no less than that bound and that needs no less than
  /// that much. A bound is never above its step time, up to rounding.
  bool beats(const PlanKind& kind, Seconds bound, Bytes least_peak) const {
    constexpr double kRounding = 1e-9;
    const Seconds at_least{bound.value / (1 + kRounding)};
    return cuts() && leaders_.rules_out(kind, at_least) &&
           (!judging_->front || front_.beats({at_least, least_peak}));
  }
  /// Of a plan that was evaluated.
  void add(const Verdict& verdict) {
    leaders_.add({verdict.kind, verdict.step_time, {}});
    if (judging_->front) front_.add({{verdict.step_time, verdict.peak}, {}});
  }

 private:
  struct Nothing {};
  const Judging* judging_;
  Leaders<Nothing> leaders_;
  Front<Nothing> front_;
};

}  // namespace ds::tuner
