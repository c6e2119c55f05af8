#pragma once
// Flows under way: how much of each is left, and which ends next. Time is set by the event loop that uses it.

#include <cstdint>
#include <span>
#include <vector>

#include "simulator/network/fair_share.h"

namespace ds::network {

class Moving {
 public:
  explicit Moving(std::span<const double> capacities) : share_(capacities) {}

  /// `tag` is what `advance` reports when it ends. `bytes` above 0.
  void begin(std::int32_t tag, std::span<const std::int32_t> links, double bytes, double weight = 1);
  /// When the next flow ends if none begins before; infinity when none is under way.
  double next_end();
  /// Moves everything on to time `to`, not after `next_end()`. Returns the tags of what has ended, in the order of their
  /// beginning; valid until the next call.
  std::span<const std::int32_t> advance(double to);
  double now() const { return now_; }
  /// Visits the flows under way: fn(tag, seconds after `at` in which it ends, if none begins or ends before). `at`: not after
  /// `next_end()`.
  template <class Fn>
  void for_each_left(double at, Fn&& fn) {
    if (changed_) share_.settle();
    changed_ = false;
    for (const Flow& flow : flows_) fn(flow.tag, now_ + flow.left / share_.rate(flow.number) - at);
  }

 private:
  struct Flow {
    std::int32_t tag, number;  // number: in share_
    double left;               // bytes
  };
  FairShare share_;
  std::vector<Flow> flows_;
  std::vector<std::int32_t> ended_;
  double now_{};
  bool changed_{};
};

}  // namespace ds::network
