#pragma once
// The best plans of a search: of each kind the fastest, of so many kinds. Plans of one kind, which divide the GPUs in the same
// way, differ by details; a list of four of them says less than one of four kinds.

#include <algorithm>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "simulator/base/units.h"
#include "simulator/workload/job.h"

namespace ds::tuner {

struct PlanKind {
  std::int64_t tp{}, pp{}, dp{}, cp{}, ep{};
  auto operator<=>(const PlanKind&) const = default;
};
inline PlanKind kind_of(const workload::Plan& plan) { return {plan.tp, plan.pp, plan.dp, plan.cp, plan.ep}; }

template <class What>
class Leaders {
 public:
  struct One {
    PlanKind kind;
    Seconds step_time;
    What what;
  };

  explicit Leaders(std::size_t most = 0) : most_(most) {}

  /// Fastest first; equally fast ones in the order in which they came.
  const std::vector<One>& all() const { return all_; }

  /// Whether no plan of that kind whose step takes `at_least` would be among them.
  bool rules_out(const PlanKind& kind, Seconds at_least) const {
    const auto own = std::ranges::find(all_, kind, &One::kind);
    if (own != all_.end()) return at_least >= own->step_time;
    return all_.size() >= most_ && (all_.empty() || at_least >= all_.back().step_time);
  }

  /// Where it stands now; all().size() where it is not among them.
  std::size_t add(One one) {
    if (rules_out(one.kind, one.step_time)) return all_.size();
    std::erase_if(all_, [&](const One& other) { return other.kind == one.kind; });
    const auto place = std::ranges::upper_bound(all_, one.step_time, {}, &One::step_time);
    const auto number = static_cast<std::size_t>(place - all_.begin());
    all_.insert(place, std::move(one));
    if (all_.size() > most_) all_.pop_back();
    return number;
  }

 private:
  std::size_t most_;
  std::vector<One> all_;
};

}  // namespace ds::tuner
