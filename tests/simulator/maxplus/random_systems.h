#pragma once
// Systems drawn at random: classes, lanes, waits within a step and over its seam, messages with back-pressure, meetings of
// some or all classes, parts that come again and again.

#include <algorithm>
#include <vector>

#include "tests/simulator/maxplus/systems.h"

namespace ds::maxplus {

class RandomSystem {
 public:
  explicit RandomSystem(std::uint64_t seed) : random_(seed, 5) {
    const auto classes = 1 + below(4);
    for (std::size_t c = 0; c < classes; ++c) {
      outlines_.push_back({.lanes = static_cast<std::int32_t>(1 + below(4)), .items = {}, .waits = {}});
      issued_.emplace_back(static_cast<std::size_t>(outlines_.back().lanes), 0);
    }
    if (classes > 1)
      for (std::size_t k = below(5); k > 0; --k) channels_.push_back(some_classes());
    run(some_events(), 1);
    const std::size_t parts = 1 + below(2);
    for (std::size_t part = 0; part < parts; ++part) run(some_events(), 1 + below(30));
    run(some_events(), 1);
    if (below(5) < 3) come_together();
    drop_old_waits();
  }

  /// Durations of one of several characters: on a grid, anything, mostly nothing, one class slow.
  System take(std::uint64_t plan) const {
    System system{outlines_, {}};
    const RandomStream random(plan, 6);
    const std::uint64_t character = plan % 4;
    std::uint64_t drawn = 0;
    for (std::size_t c = 0; c < outlines_.size(); ++c) {
      std::vector<double>& list = system.durations.emplace_back();
      for (std::int32_t d = 0; d < durations_; ++d) {
        const double any = random.uniform(drawn++);
        if (character == 0) list.push_back(0.25 * static_cast<double>(random.below(8, drawn++)));
        if (character == 1) list.push_back(any);
        if (character == 2) list.push_back(random.below(3, drawn++) == 0 ? any : 0);
        if (character == 3) list.push_back(c == 0 ? 5 * any : any);
      }
    }
    return system;
  }

 private:
  struct Back {
    std::int32_t lane{}, back{};  // so many before the last one that has been issued there
  };
  struct Part {
    std::size_t rank_class{};
    std::int32_t lane{}, duration{};
    std::vector<Back> waits;
  };
  struct Event {
    std::int32_t channel{kNone};
    std::vector<Part> parts;
    bool new_call{};
  };
  struct Channel {
    std::vector<Part> parts;  // lanes
  };

  std::size_t below(std::uint64_t n) { return random_.below(n, drawn_++); }
  std::int32_t lane_of(std::size_t c) {
    return static_cast<std::int32_t>(below(static_cast<std::uint64_t>(outlines_[c].lanes)));
  }

  std::vector<std::size_t> order_of_classes() {
    std::vector<std::size_t> order(outlines_.size());
    for (std::size_t c = 0; c < order.size(); ++c) order[c] = c;
    for (std::size_t c = order.size(); c > 1; --c) std::swap(order[c - 1], order[below(c)]);
    return order;
  }
  Channel some_classes() {
    std::vector<std::size_t> order = order_of_classes();
    order.resize(2 + below(order.size() - 1));
    Channel channel;
    for (const std::size_t c : order) channel.parts.push_back({c, lane_of(c), 0, {}});
    return channel;
  }

  std::vector<Event> some_events() {
    std::vector<Event> events(1 + below(8));
    for (Event& event : events) {
      event.new_call = below(3) == 0;
      if (!channels_.empty() && below(2) == 0) {
        const std::size_t k = below(channels_.size());
        event.channel = static_cast<std::int32_t>(k);
        event.parts = channels_[k].parts;
      } else {
        const std::size_t c = below(outlines_.size());
        event.parts = {{c, lane_of(c), 0, {}}};
      }
      for (Part& part : event.parts) {
        part.duration = static_cast<std::int32_t>(below(durations_));
        for (std::size_t w = below(3); w > 0; --w) {
          const std::int32_t lane = lane_of(part.rank_class);
          // A message that was sent so long ago, or one of the step before.
          if (lane != part.lane) part.waits.push_back({lane, static_cast<std::int32_t>(below(4))});
        }
      }
    }
    return events;
  }

  void run(const std::vector<Event>& events, std::size_t times) {
    for (; times > 0; --times) {
      ++call_;
      for (const Event& event : events) {
        if (event.new_call) ++call_;
        for (const Part& part : event.parts) {
          std::vector<Wait> waits;
          for (const Back& back : part.waits)
            waits.push_back(
                {back.lane, issued_[part.rank_class][static_cast<std::size_t>(back.lane)] - back.back});
          issue(part, event.channel, waits);
        }
      }
    }
  }
  void issue(const Part& part, std::int32_t channel, const std::vector<Wait>& waits) {
    outlines_[part.rank_class].add(
        {.lane = part.lane, .duration = part.duration, .call = call_, .channel = channel}, waits);
    ++issued_[part.rank_class][static_cast<std::size_t>(part.lane)];
  }

  void come_together() {
    ++call_;
    const auto channel = static_cast<std::int32_t>(channels_.size());
    for (std::size_t c = 0; c < outlines_.size(); ++c) {
      std::vector<Wait> waits;
      for (std::int32_t lane = 1; lane < outlines_[c].lanes; ++lane)
        waits.push_back({lane, issued_[c][static_cast<std::size_t>(lane)]});
      issue({c, 0, static_cast<std::int32_t>(below(durations_)), {}}, outlines_.size() > 1 ? channel : kNone,
            waits);
    }
    for (std::size_t c = 0; c < outlines_.size(); ++c) {
      const std::int32_t behind = issued_[c][0];
      for (std::size_t k = below(4); k > 0; --k) {
        const std::int32_t lane = lane_of(c);
        std::vector<Wait> waits;
        if (lane != 0) waits.push_back({0, behind});
        issue({c, lane, static_cast<std::int32_t>(below(durations_)), {}}, kNone, waits);
      }
    }
  }

  /// Nothing is said about what lies more than a step back.
  void drop_old_waits() {
    for (std::size_t c = 0; c < outlines_.size(); ++c) {
      Outline kept{.lanes = outlines_[c].lanes, .items = {}, .waits = {}};
      for (const Item& item : outlines_[c].items) {
        std::vector<Wait> waits;
        for (const Wait& wait : outlines_[c].waits_of(item))
          if (wait.count > -issued_[c][static_cast<std::size_t>(wait.lane)]) waits.push_back(wait);
        kept.add(item, waits);
      }
      outlines_[c] = kept;
    }
  }

  static constexpr std::int32_t durations_ = 6;
  RandomStream random_;
  std::uint64_t drawn_{0};
  std::vector<Outline> outlines_;
  std::vector<std::vector<std::int32_t>> issued_;  // by class and lane
  std::vector<Channel> channels_;
  std::int32_t call_{0};
};

}  // namespace ds::maxplus
