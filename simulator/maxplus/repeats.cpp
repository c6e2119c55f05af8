// Finds what repeats itself in a list of beats: warm-up, steady state, cool-down, whatever their periods.
#include <algorithm>
#include <unordered_map>

#include "simulator/maxplus/entries.h"

namespace ds::maxplus {
namespace {

constexpr std::int32_t kFewest = 4;      // times; what comes less often is not worth it
constexpr std::size_t kCandidates = 24;  // periods that are tried

class RepeatSearch {
 public:
  RepeatSearch(std::span<const std::uint64_t> names, std::span<const std::int32_t> sizes)
      : names_(names), taken_(names.size(), false), entries_(names.size() + 1, 0) {
    for (std::size_t b = 0; b < sizes.size(); ++b) entries_[b + 1] = entries_[b] + sizes[b];
  }

  std::vector<Repeat> run() {
    std::vector<Repeat> all;
    for (;;) {
      std::vector<Repeat> best;
      std::int64_t most = 0;
      for (const std::int32_t period : candidates()) {
        std::int64_t saved = 0;
        std::vector<Repeat> list = runs_of(period, saved);
        if (saved <= most) continue;
        most = saved;
        best = std::move(list);
      }
      if (best.empty()) break;
      for (const Repeat& one : best) {
        std::fill_n(taken_.begin() + one.first, one.length * one.times, true);
        all.push_back(one);
      }
    }
    std::ranges::sort(all, {}, &Repeat::first);
    return all;
  }

 private:
  /// Distances from beats to the one or two before that are equal, the most frequent ones.
  std::vector<std::int32_t> candidates() const {
    std::unordered_map<std::uint64_t, std::pair<std::int32_t, std::int32_t>> last;
    std::vector<std::int32_t> times(names_.size(), 0);
    for (std::int32_t b = 0; b < std::ssize(names_); ++b) {
      const auto at = static_cast<std::size_t>(b);
      if (taken_[at]) continue;
      auto& [one, two] = last.try_emplace(names_[at], kNone, kNone).first->second;
      for (const std::int32_t before : {one, two})
        if (before != kNone) ++times[static_cast<std::size_t>(b - before)];
      two = std::exchange(one, b);
    }
    std::vector<std::int32_t> list;
    for (std::size_t d = 1; d < times.size(); ++d)
      if (times[d] > 0) list.push_back(static_cast<std::int32_t>(d));
    std::ranges::stable_sort(list, [&](std::int32_t a, std::int32_t b) {
      return times[static_cast<std::size_t>(a)] > times[static_cast<std::size_t>(b)];
    });
    if (list.size() > kCandidates) list.resize(kCandidates);
    std::ranges::sort(list);
    return list;
  }

  std::vector<Repeat> runs_of(std::int32_t period, std::int64_t& saved) const {
    std::vector<Repeat> list;
    std::int32_t run = 0,
                 behind = 0;  // behind the last repeat, part of which may look like part of the next one
    const auto close = [&](std::int32_t end) {
      // What is left over stays in front.
      const std::int32_t times = std::min(run / period + 1, (end - behind) / period);
      if (run > 0 && times >= kFewest) {
        list.push_back({end - times * period, period, times});
        saved += std::int64_t{times - kFewest + 1} *
                 (entries_[static_cast<std::size_t>(end)] - entries_[static_cast<std::size_t>(end - period)]);
        behind = end;
      }
      run = 0;
    };
    const auto count = static_cast<std::int32_t>(names_.size());
    for (std::int32_t b = period; b < count; ++b) {
      const auto at = static_cast<std::size_t>(b), before = static_cast<std::size_t>(b - period);
      if (names_[at] == names_[before] && !taken_[at] && !taken_[before])
        ++run;
      else
        close(b);
    }
    close(count);
    return list;
  }

  std::span<const std::uint64_t> names_;
  std::vector<bool> taken_;
  std::vector<std::int64_t> entries_;  // before each beat
};

}  // namespace

std::vector<Repeat> find_repeats(std::span<const std::uint64_t> names, std::span<const std::int32_t> sizes) {
  return RepeatSearch(names, sizes).run();
}

}  // namespace ds::maxplus
