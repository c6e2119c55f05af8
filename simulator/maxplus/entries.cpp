// Puts the points of all classes together: a meeting is one entry, which begins when all of its classes are ready and takes
// the longest of their seconds.
#include "simulator/maxplus/entries.h"

#include <algorithm>

#include "simulator/base/error.h"

namespace ds::maxplus {
namespace {

constexpr std::int32_t kSteps = 3;  // without a cut; the third is steady: what runs over the seam has settled

class EntriesBuilder {
 public:
  EntriesBuilder(std::span<const SyncGraph* const> classes, Entries& result)
      : classes_(classes), result_(result) {}

  void run() {
    number_weights();
    number_entries();
    name_values();
    fill();
    find_times();
    finish_waits();
    finish_values();
  }

 private:
  using EntryWait = Entries::EntryWait;

  void number_weights() {
    std::vector<std::int32_t>& first = result_.tape.first_weight;
    first.push_back(0);
    for (const SyncGraph* graph : classes_) {
      ensure(graph->cut == classes_[0]->cut, "a cut is one of all classes");
      first.push_back(first.back() + graph->formulas.weights);
    }
  }

  /// The k-th point on a channel is one entry for all classes.
  void number_entries() {
    std::vector<std::vector<std::int32_t>> meetings;  // by channel
    entry_of_.resize(classes_.size());
    for (std::size_t c = 0; c < classes_.size(); ++c) {
      std::vector<std::size_t> seen(meetings.size(), 0);
      entry_of_[c].reserve(classes_[c]->points.size());
      for (const SyncPoint& point : classes_[c]->points) {
        std::int32_t* entry = nullptr;
        std::int32_t own = kNone;
        if (point.channel == kNone) {
          entry = &own;
        } else {
          const auto channel = static_cast<std::size_t>(point.channel);
          if (channel >= meetings.size()) meetings.resize(channel + 1);
          if (channel >= seen.size()) seen.resize(meetings.size(), 0);
          if (seen[channel] == meetings[channel].size()) meetings[channel].push_back(kNone);
          entry = &meetings[channel][seen[channel]++];
        }
        if (*entry == kNone) {
          *entry = of_step_++;
          result_.home.push_back(static_cast<std::int32_t>(c) << 12 | point.lane);
          beats_.push_back(point.beats);
          seconds_.push_back(kNothing);
        }
        entry_of_[c].push_back(*entry);
      }
      for (std::size_t channel = 0; channel < seen.size(); ++channel)
        ensure(seen[channel] == 0 || seen[channel] == meetings[channel].size(),
               "all classes of a channel have equally many messages");
    }
    Tape& tape = result_.tape;
    steps_ = classes_[0]->cut ? 1 : kSteps;
    tape.entries = of_step_ * steps_ + (steps_ == 1 ? 0 : 2);
    if (steps_ == 1) {
      tape.end = entry_of_[0].back();
      tape.entry_of = entry_of_;
      return;
    }
    tape.begin = of_step_ * steps_;
    tape.end = tape.begin + 1;
    for (std::vector<std::vector<std::int32_t>>* list : {&tape.entry_before, &tape.entry_of}) {
      *list = entry_of_;
      const std::int32_t step = list == &tape.entry_of ? steps_ - 1 : steps_ - 2;
      for (std::vector<std::int32_t>& points : *list)
        for (std::int32_t& entry : points) entry += step * of_step_;
    }
    const std::vector<std::int32_t> home = result_.home;
    for (std::int32_t step = 1; step < steps_; ++step)
      result_.home.insert(result_.home.end(), home.begin(), home.end());
    result_.home.insert(result_.home.end(), 2, static_cast<std::int32_t>(classes_.size()) << 12);
  }

  std::int32_t value(std::size_t c, std::int32_t weight) const {
    return weight == kNone ? kNothing : 1 + result_.tape.first_weight[c] + weight;
  }

  /// What entries take.
  void name_values() {
    next_value_ = 1 + result_.tape.first_weight.back();
    for (std::size_t c = 0; c < classes_.size(); ++c)
      for (std::size_t p = 0; p < classes_[c]->points.size(); ++p) {
        const SyncPoint& point = classes_[c]->points[p];
        std::int32_t& seconds = seconds_[static_cast<std::size_t>(entry_of_[c][p])];
        seconds = longest(seconds, value(c, point.seconds));
      }
  }
  std::int32_t longest(std::int32_t a, std::int32_t b) {
    if (a == b || b == kNothing) return a;
    if (a == kNothing) return b;
    std::int32_t& known = longest_.at(std::min(a, b), std::max(a, b));
    if (known < 0) {
      known = next_value_++;
      result_.tape.longest.push_back({a, b});
    }
    return known;
  }

  void fill() {
    const auto count = static_cast<std::size_t>(result_.tape.entries);
    std::vector<std::size_t>& begins = result_.begins;
    begins.assign(count + 1, 0);
    for_each_wait([&](std::int32_t entry, EntryWait) { ++begins[static_cast<std::size_t>(entry) + 1]; });
    for (std::size_t e = 0; e < count; ++e) begins[e + 1] += begins[e];
    std::vector<std::size_t> next(begins.begin(), begins.end() - 1);
    result_.waits.resize(begins.back());
    for_each_wait([&](std::int32_t entry, EntryWait wait) {
      result_.waits[next[static_cast<std::size_t>(entry)]++] = wait;
    });
  }

  template <class Fn>
  void for_each_wait(Fn&& fn) const {
    for (std::int32_t step = 0; step < steps_; ++step)
      for (std::size_t c = 0; c < classes_.size(); ++c)
        for (std::size_t p = 0; p < classes_[c]->points.size(); ++p)
          for (const SyncEdge& edge : classes_[c]->edges_of(classes_[c]->points[p])) {
            const std::int32_t from_step = edge.step_before ? step - 1 : step;
            const std::int32_t from =
                edge.from == kNone || from_step < 0
                    ? kNone
                    : entry_of_[c][static_cast<std::size_t>(edge.from)] + from_step * of_step_;
            fn(entry_of_[c][p] + step * of_step_, EntryWait{from, value(c, edge.weight), edge.beats});
          }
    if (steps_ == 1) return;
    for (const std::int32_t step : {steps_ - 2, steps_ - 1})
      for (std::size_t c = 0; c < classes_.size(); ++c)
        for (const std::int32_t point : classes_[c]->last)
          fn(result_.tape.begin + step - (steps_ - 2),
             EntryWait{entry_of_[c][static_cast<std::size_t>(point)] + step * of_step_, kNothing, 0});
  }

  /// As a clock would show it for which all calls take equally long and messages no time.
  void find_times() {
    const std::vector<std::int32_t> order = topological_order(result_);
    std::vector<std::uint64_t>& when = result_.when;
    when.assign(order.size(), 0);
    for (const std::int32_t entry : order) {
      const auto e = static_cast<std::size_t>(entry);
      const std::int32_t own = entry < of_step_ * steps_ ? beats_[e % static_cast<std::size_t>(of_step_)] : 0;
      for (const EntryWait& wait : result_.waits_of(entry)) {
        const auto beats = static_cast<std::uint64_t>(own + wait.beats);
        const std::uint64_t before = wait.entry == kNone ? 0 : when[static_cast<std::size_t>(wait.entry)];
        const std::uint64_t behind = before + (wait.entry == kNone ? 0 : 1);
        when[e] = std::max(when[e], beats > 0 ? (before / kDepths + beats) * kDepths : behind);
      }
    }
  }

  /// Adds what entries take, and leaves waits out that say nothing.
  void finish_waits() {
    std::size_t left = 0, first = 0;
    std::vector<EntryWait> own;
    for (std::int32_t e = 0; e < result_.size(); ++e) {
      const auto at = static_cast<std::size_t>(e);
      const std::span<const EntryWait> waits =
          std::span(result_.waits).subspan(first, result_.begins[at + 1] - first);
      own.assign(waits.begin(), waits.end());
      first = result_.begins[at + 1];
      result_.begins[at] = left;
      const std::int32_t seconds =
          e < of_step_ * steps_ ? seconds_[at % static_cast<std::size_t>(of_step_)] : kNothing;
      for (const bool from_begin : {true, false})
        for (std::size_t w = 0; w < own.size(); ++w) {
          EntryWait wait = own[w];
          if ((wait.entry == kNone) != from_begin || is_implied(own, w)) continue;
          if (seconds != kNothing) wait.value = sum(wait.value, seconds);
          result_.waits[left++] = wait;
        }
    }
    result_.begins.back() = left;
    result_.waits.resize(left);
  }
  /// By another one, for which the entry waits as long at least.
  static bool is_implied(std::span<const EntryWait> waits, std::size_t w) {
    const EntryWait& own = waits[w];
    for (std::size_t other = 0; other < waits.size(); ++other) {
      const EntryWait& one = waits[other];
      if (other == w) continue;
      if (own.value == kNothing && own.entry == kNone && one.entry != kNone) return true;
      if (one.entry != own.entry) continue;
      if (one.value == own.value ? other < w : own.value == kNothing) return true;
    }
    return false;
  }
  std::int32_t sum(std::int32_t a, std::int32_t b) {
    if (a == kNothing) return b;
    std::int32_t& known = sums_.at(a, b);
    if (known < 0) {
      known = static_cast<std::int32_t>(result_.tape.sums.size());
      result_.tape.sums.push_back({a, b});
    }
    return kSums + known;
  }

  /// Sums come behind the longest ones, of which there are no more now.
  void finish_values() {
    for (EntryWait& wait : result_.waits)
      if (wait.value >= kSums) wait.value += next_value_ - kSums;
    result_.tape.values = next_value_ + static_cast<std::int32_t>(result_.tape.sums.size());
  }

  static constexpr std::uint64_t kDepths = 1ULL << 20U;  // of entries at one time
  static constexpr std::int32_t kNothing = 0;            // the value 0
  static constexpr std::int32_t kSums = 1 << 30;         // sums count from there until all values are known

  std::span<const SyncGraph* const> classes_;
  Entries& result_;
  std::vector<std::vector<std::int32_t>> entry_of_;  // by class and point, of the first step
  std::vector<std::int32_t> seconds_;                // by entry of a step: value
  std::int32_t of_step_{0}, steps_{1}, next_value_{};
  PairTable longest_, sums_;
  std::vector<std::int32_t> beats_;  // by entry of a step
};

}  // namespace

Entries::Entries(std::span<const SyncGraph* const> classes) { EntriesBuilder(classes, *this).run(); }

}  // namespace ds::maxplus
