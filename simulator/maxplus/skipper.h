#pragma once
// Goes through a tape, and skips what is left of a stretch once its periods come evenly.
//
// In a stretch every period is the same formula of the periods before. Suppose that each entry has come later by its own
// constant from period to period, as far back as anybody looks. An entry is the latest of what it waits for, a convex
// function of the number of periods, which then goes on as a straight line until something that moves faster overtakes what
// it has waited for so far: so many periods are skipped at a time. Where all entries move alike nothing ever overtakes, and
// that is the rest of the stretch.
//
// Plans of a vector skip each on its own: the code is that of every period, so each may be in another one. A plan that has
// done all periods goes on with what nobody will read.

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>

#include "simulator/maxplus/period.h"

namespace ds::maxplus {

/// Differences of times that are equal up to rounding, relative to the times themselves.
constexpr double kRounding = 1e-14;

/// Periods that have to be skipped at a time where entries do not move alike: finding out takes as long as some periods do.
constexpr std::int32_t kWorthwhile = 16;

/// Entries of a period that a quick look is at.
constexpr std::ptrdiff_t kSamples = 4;

/// A stretch of several periods under way.
template <class V>
class Skipper {
 public:
  static constexpr std::size_t kWidth = sizeof(V) / sizeof(double);

  [[gnu::always_inline]] Skipper(const Tape& tape, const Tape::Stretch& stretch, const V* values, V* times,
                                 V* shapes)
      : tape_(tape),
        stretch_(stretch),
        values_(values),
        first_(times + stretch.first),
        shapes_(shapes),
        length_(stretch.length) {}

  /// Returns how many periods were really gone through.
  [[gnu::always_inline]] std::int32_t go() {
    std::int32_t at = 0;
    for (bool open = true; open; ++at) {
      period<V>(tape_, stretch_, values_, begin(at));
      const V* const last = begin(at + 1) - 1;
      for (std::ptrdiff_t k = 0; k < kSamples; ++k) shapes_[kSamples * at + k] = last[0] - last[-sample(k)];
      for (std::size_t plan = 0; plan < kWidth; ++plan)
        if (plans_[plan].last < 0 && ++plans_[plan].done == stretch_.times) plans_[plan].last = at;
      if (at > stretch_.memory) look(at);
      open = false;
      for (const PlanState& plan : plans_) open = open || plan.last < 0;
    }
    put_in_place();
    return at;
  }

 private:
  /// When to look again after having looked in vain.
  struct Pause {
    std::int32_t next{0}, length{0};  // periods
    bool over(std::int32_t at) const { return at >= next; }
  };
  struct PlanState {
    std::int32_t done{0};   // periods
    std::int32_t last{-1};  // the period gone through that is the last one; below 0: still to come
    std::int32_t since{0};  // periods gone through before that are of no use any more
    Pause alike, straight;
  };

  [[gnu::always_inline]] V* begin(std::int32_t period_number) const {
    return first_ + static_cast<std::ptrdiff_t>(period_number) * length_;
  }
  double rounding(std::int32_t at, std::size_t plan) const { return kRounding * of(begin(at + 1)[-1], plan); }

  /// Entries before the last one of a period.
  std::ptrdiff_t sample(std::ptrdiff_t k) const { return (k + 1) * (length_ - 1) / kSamples; }

  [[gnu::always_inline]] void look(std::int32_t at) {
    std::array<bool, kWidth> alike{}, straight{};
    bool any = false;
    for (std::size_t plan = 0; plan < kWidth; ++plan) {
      const PlanState& one = plans_[plan];
      if (one.last >= 0 || at - stretch_.memory - 1 < one.since) continue;
      alike[plan] = one.alike.over(at) && recurs_after(at, plan, 1);
      straight[plan] = one.straight.over(at) && looks_straight(at, plan);
      any = any || alike[plan] || straight[plan];
    }
    if (any) measure(at);
    for (std::size_t plan = 0; plan < kWidth; ++plan) {
      PlanState& one = plans_[plan];
      if (alike[plan]) {
        if (skip_alike(at, plan)) continue;
        one.alike.next = at + ++one.alike.length;
      }
      if (straight[plan] && !skip_straight(at, plan)) {
        one.straight.length += 1 + one.straight.length / 2;
        one.straight.next = at + one.straight.length;
      }
    }
    if (at < next_long_look_) return;
    next_long_look_ = at + 1 + at / 4;
    for (std::size_t plan = 0; plan < kWidth; ++plan)
      if (plans_[plan].last < 0) skip_cycles(at, plan);
  }

  /// Whether the last period has the shape of one so many before: a quick look at a few entries.
  bool recurs_after(std::int32_t at, std::size_t plan, std::int32_t lag) const {
    const double same = rounding(at, plan);
    for (std::ptrdiff_t k = 0; k < kSamples; ++k) {
      const double now = of(shapes_[kSamples * at + k], plan);
      const double before = of(shapes_[kSamples * (at - lag) + k], plan);
      if (std::abs(now - before) > same) return false;
    }
    return true;
  }

  /// Whether some entries of the period came as much later than in the period before as there.
  bool looks_straight(std::int32_t at, std::size_t plan) const {
    const double same = rounding(at, plan);
    for (std::ptrdiff_t k = 0; k < kSamples; ++k) {
      const V* const entry = begin(at + 1) - 1 - sample(k);
      const double now = of(entry[0], plan) - of(entry[-length_], plan);
      const double before = of(entry[-length_], plan) - of(entry[-2 * length_], plan);
      if (std::abs(now - before) > same) return false;
    }
    return true;
  }

  /// As far back as anybody looks: by how much entries came later than a period before, and whether they did so then.
  [[gnu::always_inline]] void measure(std::int32_t at) {
    const V* const end = begin(at + 1);
    const V* entry = end - static_cast<std::ptrdiff_t>(std::max(stretch_.memory, 1)) * length_;
    least_ = most_ = end[-1] - end[-1 - length_];
    slower_ = faster_ = V{};
    for (; entry != end; ++entry) {
      const V now = entry[0] - entry[-length_];
      const V change = now - (entry[-length_] - entry[-2 * length_]);
      lower(least_, now);
      raise(most_, now);
      lower(slower_, change);
      raise(faster_, change);
    }
  }

  /// All entries move alike: so they do for ever.
  bool skip_alike(std::int32_t at, std::size_t plan) {
    if (of(most_, plan) - of(least_, plan) > rounding(at, plan)) return false;
    shift(at, plan, stretch_.times - plans_[plan].done, 1, (of(least_, plan) + of(most_, plan)) / 2);
    return true;
  }

  /// All entries are where they were some periods ago, so much later: what came then comes again.
  void skip_cycles(std::int32_t at, std::size_t plan) {
    const PlanState& one = plans_[plan];
    const std::int32_t longest = std::min(at - stretch_.memory - one.since, stretch_.times - one.done);
    for (std::int32_t lag = 2; lag <= longest; ++lag) {
      if (!recurs_after(at, plan, lag)) continue;
      const std::ptrdiff_t back = lag * length_;
      const V* const end = begin(at + 1);
      double least = of(end[-1], plan) - of(end[-1 - back], plan), most = least;
      const double same = rounding(at, plan);
      const V* entry = end - static_cast<std::ptrdiff_t>(std::max(stretch_.memory, 1)) * length_;
      for (; entry != end && most - least <= same; ++entry) {
        const double later = of(entry[0], plan) - of(entry[-back], plan);
        least = std::min(least, later);
        most = std::max(most, later);
      }
      if (most - least > same) continue;
      const std::int32_t left = stretch_.times - one.done;
      shift(at, plan, left - left % lag, lag, (least + most) / 2);
      return;
    }
  }

  /// Puts the last periods, as far back as anybody looks, so many later; `each` for every `lag` of them.
  void shift(std::int32_t at, std::size_t plan, std::int32_t periods, std::int32_t lag, double each) {
    const double later = each * (periods / lag);
    for (V* entry = begin(at - stretch_.memory); entry != begin(at + 1); ++entry) of(*entry, plan) += later;
    jumped(at, plan, periods);
    plans_[plan].since = stretch_.times;  // what is left is less than a cycle
  }
  void jumped(std::int32_t at, std::size_t plan, std::int32_t periods) {
    PlanState& one = plans_[plan];
    one.since = at - stretch_.memory;
    one.done += periods;
    if (one.done == stretch_.times) one.last = at;
  }

  /// Each entry moves on at its own pace, up to where something that it waits for overtakes what it has waited for so far.
  bool skip_straight(std::int32_t at, std::size_t plan) {
    const double same = rounding(at, plan);
    if (of(slower_, plan) < -same || of(faster_, plan) > same) return false;
    const std::int32_t periods = until_overtaken(at, plan, same);
    if (periods < kWorthwhile) return false;
    for (std::ptrdiff_t position = 0; position < length_; ++position) {
      V* const entry = begin(at) + position;
      const double now = of(entry[0], plan), later = now - of(entry[-length_], plan);
      for (std::int32_t back = stretch_.memory; back >= 0; --back)
        of(entry[-back * length_], plan) =
            back <= periods ? now + (periods - back) * later : of(entry[-(back - periods) * length_], plan);
    }
    jumped(at, plan, periods);
    return true;
  }

  std::int32_t until_overtaken(std::int32_t at, std::size_t plan, double same) const {
    double gap = stretch_.times - plans_[plan].done, gain = 1;  // the quotient is the number of periods
    const std::int32_t* code = tape_.code.data() + stretch_.code;
    const V* entry = begin(at);
    for (std::int32_t r = stretch_.first_run; r < stretch_.first_run + stretch_.runs; ++r) {
      const Tape::EntryRun& run = tape_.runs[static_cast<std::size_t>(r)];
      for (std::int32_t i = 0; i < run.entries; ++i, ++entry) {
        const double own = of(entry[0], plan) - of(entry[-length_], plan);
        if (run.from_begin) ++code;
        for (std::int32_t w = 0; w < run.waits; ++w, code += 2) {
          const V* const from = entry - code[0];
          const double faster = of(from[0], plan) - of(from[-length_], plan) - own;
          if (faster <= same) continue;
          const double behind = of(entry[0], plan) - (of(from[0], plan) + of(values_[code[1]], plan));
          if (behind * gain >= gap * faster) continue;
          gap = behind;
          gain = faster;
          if (gap < kWorthwhile * gain) return 0;
        }
      }
    }
    return static_cast<std::int32_t>(gap / gain);
  }

  /// What is looked at from behind goes where it would be without skipping.
  void put_in_place() {
    for (std::int32_t n = stretch_.needed; n-- > 0;) {
      const std::int32_t place =
          tape_.needed[static_cast<std::size_t>(stretch_.first_needed + n)] - stretch_.first;
      for (std::size_t plan = 0; plan < kWidth; ++plan) {
        const std::ptrdiff_t skipped = stretch_.times - 1 - plans_[plan].last;
        of(first_[place], plan) = of(first_[place - skipped * length_], plan);
      }
    }
  }

  const Tape& tape_;
  const Tape::Stretch& stretch_;
  const V* values_;
  V* first_;
  V* shapes_;  // by period: how much later than some others its last entry is
  std::ptrdiff_t length_;
  std::array<PlanState, kWidth> plans_{};
  std::int32_t next_long_look_{0};
  V least_, most_, slower_, faster_;
};

}  // namespace ds::maxplus
