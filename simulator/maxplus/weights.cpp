// Interns sums and maxima of durations, and works them out.
#include "simulator/maxplus/weights.h"

#include <algorithm>
#include <functional>

namespace ds::maxplus {

void WeightFormulas::work_out(std::span<const double> durations, std::vector<double>& result) const {
  result.resize(values.size());
  for (const std::int32_t number : order) {
    const FormulaValue& value = values[static_cast<std::size_t>(number)];
    double seconds = 0;
    for (std::int32_t t = value.first; t < value.first + value.count; ++t) {
      const Term& term = terms[static_cast<std::size_t>(t)];
      const double one = term.of >= 0 ? durations[static_cast<std::size_t>(term.of)]
                                      : result[static_cast<std::size_t>(~term.of)];
      if (value.longest)
        seconds = std::max(seconds, one);
      else
        seconds += term.times * one;
    }
    result[static_cast<std::size_t>(number)] = seconds;
  }
}

std::int32_t WeightTerms::number_of(const Sum& sum) {
  std::vector<std::pair<std::int32_t, std::int32_t>> key;
  for (const Term& term : sum) key.emplace_back(term.of, term.times);
  const auto [found, is_new] = numbers_.try_emplace(std::move(key), static_cast<std::int32_t>(sums_.size()));
  if (is_new) sums_.push_back(sum);
  return found->second;
}

std::int32_t WeightTerms::duration(std::int32_t number) {
  if (number < 0) return kZero;
  std::int32_t& known = plus_.at(kNone, number);
  if (known < 0) known = number_of({{number, 1}});
  return known;
}

std::int32_t WeightTerms::plus(std::int32_t a, std::int32_t b) {
  if (a == kZero) return b;
  if (b == kZero) return a;
  if (a > b) std::swap(a, b);
  std::int32_t& known = plus_.at(a, b);
  if (known >= 0) return known;
  Sum both;
  const Sum &one = sum(a), &other = sum(b);
  std::size_t j = 0;
  for (const Term& term : one) {
    while (j < other.size() && other[j].of < term.of) both.push_back(other[j++]);
    both.push_back(term);
    if (j < other.size() && other[j].of == term.of) both.back().times += other[j++].times;
  }
  both.insert(both.end(), other.begin() + static_cast<std::ptrdiff_t>(j), other.end());
  return known = number_of(both);
}

bool WeightTerms::covers(std::int32_t larger, std::int32_t smaller) const {
  const Sum &one = sum(larger), &other = sum(smaller);
  std::size_t i = 0;
  for (const Term& term : other) {
    while (i < one.size() && one[i].of < term.of) ++i;
    if (i == one.size() || one[i].of != term.of || one[i].times < term.times) return false;
  }
  return true;
}

std::int32_t WeightTerms::longest(std::int32_t a, std::int32_t b) {
  if (a > b) std::swap(a, b);
  if (a == b || a == kZero) return b;
  std::int32_t& known = longest_.at(a, b);
  if (known >= 0) return known;
  if (covers(a, b)) return known = a;
  if (covers(b, a)) return known = b;
  choices_.emplace_back(a, b);
  return known = number_of({{~static_cast<std::int32_t>(choices_.size() - 1), 1}});
}

WeightFormulas WeightTerms::formulas(std::span<const std::int32_t> numbers) const {
  WeightFormulas result{
      .terms = {}, .values = {}, .order = {}, .weights = static_cast<std::int32_t>(numbers.size())};
  std::vector<std::int32_t> value_of(sums_.size(), kNone), choice_of(choices_.size(), kNone);
  for (std::size_t i = 0; i < numbers.size(); ++i)
    value_of[static_cast<std::size_t>(numbers[i])] = static_cast<std::int32_t>(i);
  result.values.resize(numbers.size());
  std::vector<bool> done(sums_.size(), false);
  const auto make = [&](std::int32_t value, const std::vector<Term>& terms, bool longest) {
    result.values[static_cast<std::size_t>(value)] = {static_cast<std::int32_t>(result.terms.size()),
                                                      static_cast<std::int32_t>(terms.size()), longest};
    result.terms.insert(result.terms.end(), terms.begin(), terms.end());
    result.order.push_back(value);
  };
  const auto new_value = [&] {
    result.values.emplace_back();
    return static_cast<std::int32_t>(result.values.size()) - 1;
  };
  const std::function<std::int32_t(std::int32_t)> value = [&](std::int32_t number) {
    const auto n = static_cast<std::size_t>(number);
    if (done[n]) return value_of[n];
    done[n] = true;
    std::vector<Term> terms = sums_[n];
    for (Term& term : terms) {
      if (term.of >= 0) continue;
      const auto choice = static_cast<std::size_t>(~term.of);
      if (choice_of[choice] == kNone) {
        const std::int32_t one = value(choices_[choice].first), other = value(choices_[choice].second);
        choice_of[choice] = new_value();
        make(choice_of[choice], {{~one, 1}, {~other, 1}}, true);
      }
      term.of = ~choice_of[choice];
    }
    if (value_of[n] == kNone) value_of[n] = new_value();
    make(value_of[n], terms, false);
    return value_of[n];
  };
  for (const std::int32_t number : numbers) value(number);
  return result;
}

}  // namespace ds::maxplus
