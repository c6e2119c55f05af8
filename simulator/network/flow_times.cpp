#include "simulator/network/flow_times.h"

#include <algorithm>
#include <limits>
#include <numeric>

#include "simulator/network/fair_share.h"

namespace ds::network {
namespace {

/// Flows that end within this share of the distance to the next end are over together: they are equal but for rounding.
constexpr double kTogether = 1e-12;

class Playback {
 public:
  Playback(std::span<const double> capacities, std::span<const TimedFlow> flows)
      : flows_(flows), share_(capacities), order_(flows.size()), end_(flows.size()) {
    std::iota(order_.begin(), order_.end(), std::size_t{0});
    std::ranges::stable_sort(order_, {}, [&](std::size_t i) { return flows[i].start_s; });
  }

  std::vector<double> run() {
    while (next_ < order_.size() || !moving_.empty()) {
      const double start = next_ < order_.size() ? flows_[order_[next_]].start_s : kNever;
      const double end = earliest_end();
      advance(std::min(start, end));
      finish();
      begin();
      share_.settle();
    }
    return end_;
  }

 private:
  static constexpr double kNever = std::numeric_limits<double>::infinity();
  struct Moving {
    std::size_t flow;
    std::int32_t number;  // in share_
    double left;          // bytes
  };

  double earliest_end() const {
    double end = kNever;
    for (const Moving& m : moving_) end = std::min(end, now_ + m.left / share_.rate(m.number));
    return end;
  }

  void advance(double to) {
    const double seconds = to - now_;
    for (Moving& m : moving_) {
      const double rate = share_.rate(m.number);
      // What is left after the step against what the step moved: rounding alone keeps them apart.
      m.left = m.left <= rate * seconds * (1 + kTogether) ? 0 : m.left - rate * seconds;
    }
    now_ = to;
  }

  void finish() {
    std::erase_if(moving_, [&](const Moving& m) {
      if (m.left > 0) return false;
      end_[m.flow] = now_;
      share_.remove(m.number);
      return true;
    });
  }

  void begin() {
    for (; next_ < order_.size() && flows_[order_[next_]].start_s <= now_; ++next_) {
      const TimedFlow& flow = flows_[order_[next_]];
      if (flow.bytes > 0)
        moving_.push_back({order_[next_], share_.add(flow.links, flow.weight), flow.bytes});
      else
        end_[order_[next_]] = now_;
    }
  }

  std::span<const TimedFlow> flows_;
  FairShare share_;
  std::vector<std::size_t> order_;  // by start
  std::size_t next_{};              // first of order_ that has not begun
  std::vector<Moving> moving_;
  std::vector<double> end_;
  double now_{};
};

}  // namespace

std::vector<double> finish_times(std::span<const double> capacities, std::span<const TimedFlow> flows) {
  return Playback(capacities, flows).run();
}

}  // namespace ds::network
