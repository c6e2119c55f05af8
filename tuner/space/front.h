#pragma once
// Plans of which none is both as fast and as small as another: who wants a smaller one pays for it in time.

#include <algorithm>
#include <utility>
#include <vector>

#include "simulator/base/units.h"

namespace ds::tuner {

/// What a plan takes of time and of memory.
struct Extent {
  Seconds step_time;
  Bytes peak;
};

template <class What>
class Front {
 public:
  struct One {
    Extent extent;
    What what;
  };

  /// Fastest first, and so largest first.
  const std::vector<One>& all() const { return all_; }

  /// Whether one of them is no slower and no larger than whatever takes `at_least` that.
  bool beats(const Extent& at_least) const {
    const auto slower = first_slower_than(at_least.step_time);
    return slower != all_.begin() && std::prev(slower)->extent.peak <= at_least.peak;
  }

  /// Those that it beats are no longer among them; of equal ones the first stays.
  void add(One one) {
    if (beats(one.extent)) return;
    std::erase_if(all_, [&](const One& other) {
      return one.extent.step_time <= other.extent.step_time && one.extent.peak <= other.extent.peak;
    });
    all_.insert(first_slower_than(one.extent.step_time), std::move(one));
  }

 private:
  auto first_slower_than(Seconds time) const {
    return std::ranges::upper_bound(all_, time, {}, [](const One& one) { return one.extent.step_time; });
  }

  std::vector<One> all_;
};

}  // namespace ds::tuner
