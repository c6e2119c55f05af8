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
#include "simulator/maxplus/evaluate.h"

#include <algorithm>
#include <cmath>
#include <cstring>

namespace ds::maxplus {
namespace {

/// Differences of times that are equal up to rounding, relative to the times themselves.
constexpr double kRounding = 1e-14;

using Vector = Lanes::Vector;

[[gnu::always_inline]] inline void raise(double& to, const double& at_least) {
  to = to > at_least ? to : at_least;
}
[[gnu::always_inline]] inline void raise(Vector& to, const Vector& at_least) {
  to = to > at_least ? to : at_least;
}
[[gnu::always_inline]] inline void lower(double& to, const double& at_most) {
  to = to < at_most ? to : at_most;
}
[[gnu::always_inline]] inline void lower(Vector& to, const Vector& at_most) {
  to = to < at_most ? to : at_most;
}
[[gnu::always_inline]] inline double& of(double& number, std::size_t) { return number; }
[[gnu::always_inline]] inline double of(const double& number, std::size_t) { return number; }
[[gnu::always_inline]] inline double& of(Vector& number, std::size_t plan) {
  return reinterpret_cast<double*>(&number)[plan];
}
[[gnu::always_inline]] inline double of(const Vector& number, std::size_t plan) { return number[plan]; }

/// Runs of entries with the same number of waits, known to the compiler where it is small.
template <class V, int kWaits, bool kFromBegin>
[[gnu::always_inline]] inline const std::int32_t* run(const Tape::Run& entries, const std::int32_t* code,
                                                      const V* values, V* times) {
  const int waits = kWaits >= 0 ? kWaits : entries.waits;
  for (std::int32_t i = 0; i < entries.entries; ++i, ++times) {
    V at = kFromBegin ? values[*code] : times[-code[0]] + values[code[1]];
    code += kFromBegin ? 1 : 2;
    for (int w = kFromBegin ? 0 : 1; w < waits; ++w, code += 2) raise(at, times[-code[0]] + values[code[1]]);
    *times = at;
  }
  return code;
}

template <class V>
[[gnu::always_inline]] inline void period(const Tape& tape, const Tape::Stretch& stretch, const V* values,
                                          V* times) {
  const std::int32_t* code = tape.code.data() + stretch.code;
  const Tape::Run* one = tape.runs.data() + stretch.first_run;
  for (const Tape::Run* const end = one + stretch.runs; one != end; ++one) {
    if (one->from_begin) {
      code = run<V, -1, true>(*one, code, values, times);
    } else {
      switch (one->waits) {
        case 1: code = run<V, 1, false>(*one, code, values, times); break;
        case 2: code = run<V, 2, false>(*one, code, values, times); break;
        case 3: code = run<V, 3, false>(*one, code, values, times); break;
        case 4: code = run<V, 4, false>(*one, code, values, times); break;
        default: code = run<V, -1, false>(*one, code, values, times); break;
      }
    }
    times += one->entries;
  }
}

/// A stretch of several periods under way.
template <class V>
class Skipper {
 public:
  static constexpr std::size_t kWidth = sizeof(V) / sizeof(double);

  [[gnu::always_inline]] Skipper(const Tape& tape, const Tape::Stretch& stretch, const V* values, V* times)
      : tape_(tape),
        stretch_(stretch),
        values_(values),
        first_(times + stretch.first),
        length_(stretch.length) {
    for (std::size_t plan = 0; plan < kWidth; ++plan) {
      done_[plan] = 0;
      last_[plan] = -1;
    }
  }

  /// Returns how many periods were really gone through.
  [[gnu::always_inline]] std::int32_t go() {
    std::int32_t at = 0;
    for (std::size_t open = kWidth; open > 0; ++at) {
      period<V>(tape_, stretch_, values_, begin(at));
      for (std::size_t plan = 0; plan < kWidth; ++plan)
        if (last_[plan] < 0 && ++done_[plan] == stretch_.times) {
          last_[plan] = at;
          --open;
        }
      if (open > 0 && at > stretch_.memory && look_even(at)) skip(at);
      open = 0;
      for (std::size_t plan = 0; plan < kWidth; ++plan) open += last_[plan] < 0 ? 1 : 0;
    }
    put_in_place();
    return at;
  }

 private:
  [[gnu::always_inline]] V* begin(std::int32_t period_number) const {
    return first_ + static_cast<std::ptrdiff_t>(period_number) * length_;
  }
  [[gnu::always_inline]] static double rounding(const V* last, std::size_t plan) {
    return kRounding * of(*last, plan);
  }

  /// A quick look at some entries, which says no most of the time until it is so. Whether it may be so of any plan.
  [[gnu::always_inline]] bool look_even(std::int32_t at) {
    const V* const last = begin(at + 1) - 1;
    bool any = false;
    for (std::size_t plan = 0; plan < kWidth; ++plan) {
      even_[plan] = last_[plan] < 0;
      for (std::int32_t k = 0; k < 4; ++k) {
        const V* const entry = last - k * (length_ - 1) / 3;
        const double now = of(entry[0], plan) - of(entry[-length_], plan);
        const double before = of(entry[-length_], plan) - of(entry[-2 * length_], plan);
        even_[plan] = even_[plan] && std::abs(now - before) <= rounding(last, plan);
      }
      any = any || even_[plan];
    }
    return any;
  }

  [[gnu::always_inline]] void skip(std::int32_t at) {
    // As far back as anybody looks: by how much entries came later than a period before, and whether they did so then.
    const V* const end = begin(at + 1);
    const V* entry = end - static_cast<std::ptrdiff_t>(std::max(stretch_.memory, 1)) * length_;
    V least = end[-1] - end[-1 - length_], most = least, slower = V{}, faster = V{};
    for (; entry != end; ++entry) {
      const V now = entry[0] - entry[-length_];
      const V change = now - (entry[-length_] - entry[-2 * length_]);
      lower(least, now);
      raise(most, now);
      lower(slower, change);
      raise(faster, change);
    }
    for (std::size_t plan = 0; plan < kWidth; ++plan) {
      const double same = rounding(end - 1, plan);
      if (!even_[plan] || of(slower, plan) < -same || of(faster, plan) > same) continue;
      const bool alike = of(most, plan) - of(least, plan) <= same;
      const std::int32_t left = stretch_.times - done_[plan];
      const std::int32_t periods = alike ? left : std::min(left, until_overtaken(at, plan, same));
      if (periods <= 0) continue;
      move(at, plan, periods, alike ? (of(least, plan) + of(most, plan)) / 2 : -1);
      done_[plan] += periods;
      if (done_[plan] == stretch_.times) last_[plan] = at;
    }
  }

  /// Periods until something that an entry waits for overtakes what it has waited for so far.
  std::int32_t until_overtaken(std::int32_t at, std::size_t plan, double same) const {
    double periods = stretch_.times;
    const std::int32_t* code = tape_.code.data() + stretch_.code;
    const V* entry = begin(at);
    for (std::int32_t r = stretch_.first_run; r < stretch_.first_run + stretch_.runs; ++r) {
      const Tape::Run& one = tape_.runs[static_cast<std::size_t>(r)];
      for (std::int32_t i = 0; i < one.entries; ++i, ++entry) {
        const double own = of(entry[0], plan) - of(entry[-length_], plan);
        if (one.from_begin) ++code;
        for (std::int32_t w = 0; w < one.waits; ++w, code += 2) {
          const V* const from = entry - code[0];
          const double faster = of(from[0], plan) - of(from[-length_], plan) - own;
          if (faster <= same) continue;
          const double behind = of(entry[0], plan) - (of(from[0], plan) + of(values_[code[1]], plan));
          periods = std::min(periods, behind / faster);
        }
      }
    }
    return static_cast<std::int32_t>(periods);
  }

  /// Puts the last periods, as far back as anybody looks, so many later. `each` is what a period takes, below 0: what it
  /// takes by each entry.
  void move(std::int32_t at, std::size_t plan, std::int32_t periods, double each) {
    for (std::int32_t position = 0; position < length_; ++position) {
      V* const entry = begin(at) + position;
      const double now = of(entry[0], plan);
      const double later = each >= 0 ? each : now - of(entry[-length_], plan);
      for (std::int32_t back = stretch_.memory; back >= 0; --back) {
        double& to = of(entry[-static_cast<std::ptrdiff_t>(back) * length_], plan);
        to = back <= periods ? now + (periods - back) * later
                             : of(entry[-static_cast<std::ptrdiff_t>(back - periods) * length_], plan);
      }
    }
  }

  /// What is looked at from behind goes where it would be without skipping.
  void put_in_place() {
    for (std::int32_t n = stretch_.needed; n-- > 0;) {
      const std::int32_t place =
          tape_.needed[static_cast<std::size_t>(stretch_.first_needed + n)] - stretch_.first;
      for (std::size_t plan = 0; plan < kWidth; ++plan) {
        const std::ptrdiff_t skipped = stretch_.times - 1 - last_[plan];
        of(first_[place], plan) = of(first_[place - skipped * length_], plan);
      }
    }
  }

  const Tape& tape_;
  const Tape::Stretch& stretch_;
  const V* values_;
  V* first_;
  std::ptrdiff_t length_;
  std::array<std::int32_t, kWidth> done_;  // periods, by plan
  std::array<std::int32_t, kWidth>
      last_;  // the period gone through that is the last one; below 0: still to come
  std::array<bool, kWidth> even_;
};

template <class V>
[[gnu::always_inline]] inline std::int64_t evaluate(const Tape& tape, V* values, V* times, Skip skip) {
  V* next = values + 1 + tape.weights();
  for (const Tape::Pair& pair : tape.longest) {
    V at = values[pair.a];
    raise(at, values[pair.b]);
    *next++ = at;
  }
  for (const Tape::Pair& pair : tape.sums) *next++ = values[pair.a] + values[pair.b];
  for (const Tape::Pair& pair : tape.late) {
    V at = values[pair.a];
    raise(at, values[pair.b]);
    *next++ = at;
  }
  std::int64_t evaluated = 0;
  for (const Tape::Stretch& stretch : tape.stretches) {
    std::int32_t periods = stretch.times;
    if (skip == Skip::yes && stretch.times > stretch.memory + 2) {
      periods = Skipper<V>(tape, stretch, values, times).go();
    } else {
      for (std::int32_t p = 0; p < stretch.times; ++p)
        period<V>(tape, stretch, values,
                  times + stretch.first + static_cast<std::ptrdiff_t>(p) * stretch.length);
    }
    evaluated += std::int64_t{periods} * stretch.length;
  }
  return evaluated;
}

std::int64_t evaluate_one(const Tape& tape, double* values, double* times, Skip skip) {
  return evaluate<double>(tape, values, times, skip);
}

#if defined(__x86_64__) && !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
__attribute__((target_clones("avx512f", "avx2", "default")))
#endif
std::int64_t
evaluate_eight(const Tape& tape, Vector* values, Vector* times, Skip skip) {
  return evaluate<Vector>(tape, values, times, skip);
}

double difference(double end, double begin) { return end - begin; }
Lanes difference(Lanes end, const Lanes& begin) {
  for (std::size_t plan = 0; plan < kPlans; ++plan) end[plan] -= begin[plan];
  return end;
}

}  // namespace

template <class Number>
std::span<Number> Evaluation<Number>::weights(const Tape& tape) {
  values_.assign(static_cast<std::size_t>(tape.values), Number{});
  return std::span(values_).subspan(1, tape.weights());
}

template <class Number>
Number Evaluation<Number>::step(const Tape& tape, Skip skip) {
  const auto entries = static_cast<std::size_t>(tape.entries);
  if (times_.size() < entries) times_.resize(entries);
  if constexpr (sizeof(Number) == sizeof(double))
    evaluated_ = evaluate_one(tape, values_.data(), times_.data(), skip);
  else
    evaluated_ = evaluate_eight(tape, reinterpret_cast<Vector*>(values_.data()),
                                reinterpret_cast<Vector*>(times_.data()), skip);
  const Number end = times_[static_cast<std::size_t>(tape.end)];
  return tape.begin == kNone ? end : difference(end, times_[static_cast<std::size_t>(tape.begin)]);
}

template class Evaluation<double>;
template class Evaluation<Lanes>;

}  // namespace ds::maxplus
