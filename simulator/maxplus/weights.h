#pragma once
// Seconds of longest paths, kept as formulas over numbered durations: which paths there are does not depend on how long
// anything takes.

#include <cstdint>
#include <map>
#include <span>
#include <utility>
#include <vector>

#include "simulator/maxplus/outline.h"
#include "simulator/maxplus/pair_table.h"

namespace ds::maxplus {

/// How weights follow from durations: sums of durations, each so many times, and the longer of two such sums.
struct WeightFormulas {
  struct Term {
    std::int32_t of{};     // duration, or ~value
    std::int32_t times{};  // whole, above 0
    bool operator==(const Term&) const = default;
  };
  struct FormulaValue {
    std::int32_t first{}, count{};  // terms
    bool longest{};                 // the longest of its terms; else their sum
    bool operator==(const FormulaValue&) const = default;
  };
  std::vector<Term> terms;
  std::vector<FormulaValue> values;  // the first ones are the weights, what they are made of comes behind
  std::vector<std::int32_t> order;   // in which values can be worked out
  std::int32_t weights{};
  bool operator==(const WeightFormulas&) const = default;

  /// Works all values out; the first `weights` of them are wanted. Durations in seconds, by their numbers.
  void work_out(std::span<const double> durations, std::vector<double>& result) const;
};

/// Formulas while they are being made: equal ones have one number.
class WeightTerms {
 public:
  static constexpr std::int32_t kZero = 0;

  WeightTerms() { number_of({}); }
  std::int32_t duration(std::int32_t number);
  std::int32_t plus(std::int32_t a, std::int32_t b);
  /// Durations are not negative: a sum that holds all of another is the longer one.
  std::int32_t longest(std::int32_t a, std::int32_t b);

  /// Formulas of the numbered ones, in that order.
  WeightFormulas formulas(std::span<const std::int32_t> numbers) const;

 private:
  using Term = WeightFormulas::Term;
  using Sum = std::vector<Term>;  // by `of`

  std::int32_t number_of(const Sum& sum);
  bool covers(std::int32_t larger, std::int32_t smaller) const;
  const Sum& sum(std::int32_t number) const { return sums_[static_cast<std::size_t>(number)]; }

  std::vector<Sum> sums_;
  std::vector<std::pair<std::int32_t, std::int32_t>> choices_;  // ~k in a sum is the longer of choice k
  std::map<std::vector<std::pair<std::int32_t, std::int32_t>>, std::int32_t> numbers_;
  PairTable plus_, longest_;
};

/// Gives weights their numbers, in the order in which they are asked for.
class WeightNumbers {
 public:
  /// kNone for the term that takes no time.
  std::int32_t number(std::int32_t term) {
    if (term == WeightTerms::kZero) return kNone;
    if (static_cast<std::size_t>(term) >= numbers_.size())
      numbers_.resize(static_cast<std::size_t>(term) + 1, kNone);
    std::int32_t& number = numbers_[static_cast<std::size_t>(term)];
    if (number == kNone) {
      number = static_cast<std::int32_t>(terms_.size());
      terms_.push_back(term);
    }
    return number;
  }
  /// By number: for WeightTerms::formulas.
  const std::vector<std::int32_t>& terms() const { return terms_; }

 private:
  std::vector<std::int32_t> numbers_, terms_;
};

}  // namespace ds::maxplus
