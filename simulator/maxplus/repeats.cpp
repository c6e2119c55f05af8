// Finds what repeats itself in a list of beats: warm-up, steady state, cool-down, whatever their periods.
#include <algorithm>
#include <functional>

#include "simulator/maxplus/entries.h"
#include "simulator/maxplus/pair_table.h"

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
      for (const Candidate& one : candidates()) {
        if (one.entries <= most) break;  // no repeat saves more than that
        if (!may_repeat(one.period)) continue;
        std::int64_t saved = 0;
        std::vector<Repeat> list = runs_of(one.period, saved);
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
  /// A distance from beats to the one or two before that are equal, and how many entries these have.
  struct Candidate {
    std::int32_t period{};
    std::int64_t entries{};
  };
  /// Those of the most entries first.
  std::vector<Candidate> candidates() const {
    PairTable numbers;
    std::vector<std::pair<std::int32_t, std::int32_t>> last;  // by name
    std::vector<std::int64_t> entries(names_.size(), 0);
    for (std::int32_t b = 0; b < std::ssize(names_); ++b) {
      const auto at = static_cast<std::size_t>(b);
      if (taken_[at]) continue;
      std::int32_t& number = numbers.at(static_cast<std::int32_t>(names_[at] >> 32U),
                                        static_cast<std::int32_t>(names_[at] & 0xffffffffU));
      if (number < 0) {
        number = static_cast<std::int32_t>(last.size());
        last.emplace_back(kNone, kNone);
      }
      auto& [one, two] = last[static_cast<std::size_t>(number)];
      for (const std::int32_t before : {one, two})
        if (before != kNone) entries[static_cast<std::size_t>(b - before)] += entries_[at + 1] - entries_[at];
      two = std::exchange(one, b);
    }
    std::vector<Candidate> list;
    for (std::size_t d = 1; d < entries.size(); ++d)
      if (entries[d] > 0) list.push_back({static_cast<std::int32_t>(d), entries[d]});
    std::ranges::stable_sort(list, std::greater<>{}, &Candidate::entries);
    if (list.size() > kCandidates) list.resize(kCandidates);
    return list;
  }

  bool is_as_before(std::int32_t beat, std::int32_t period) const {
    const auto at = static_cast<std::size_t>(beat), before = static_cast<std::size_t>(beat - period);
    return names_[at] == names_[before] && !taken_[at] && !taken_[before];
  }

  /// Whether so many beats in a row are as those a period before. Looks at the last one of them first, so most are passed over.
  bool may_repeat(std::int32_t period) const {
    const std::int32_t in_a_row = (kFewest - 1) * period;
    const auto count = static_cast<std::int32_t>(names_.size());
    for (std::int32_t first = period; first <= count - in_a_row;) {
      std::int32_t left = in_a_row;
      while (left > 0 && is_as_before(first + left - 1, period)) --left;
      if (left == 0) return true;
      first += left;
    }
    return false;
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
      if (is_as_before(b, period))
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
