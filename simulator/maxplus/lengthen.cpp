// Extrapolates a tape from two of different length.
#include "simulator/maxplus/lengthen.h"

#include <algorithm>

#include "simulator/maxplus/cut.h"

namespace ds::maxplus {
namespace {

bool equal(const std::vector<Tape::Pair>& a, const std::vector<Tape::Pair>& b) {
  return std::ranges::equal(a, b, [](const Tape::Pair& one, const Tape::Pair& other) {
    return one.a == other.a && one.b == other.b;
  });
}

bool equal_but_for_times(const WeightFormulas& a, const WeightFormulas& b) {
  return a.weights == b.weights && a.values == b.values && a.order == b.order &&
         std::ranges::equal(a.terms, b.terms, {}, &WeightFormulas::Term::of, &WeightFormulas::Term::of);
}

std::optional<std::vector<WeightFormulas>> lengthened(const std::vector<WeightFormulas>& shorter,
                                                      const std::vector<WeightFormulas>& longer,
                                                      std::int32_t times) {
  if (shorter.size() != longer.size()) return std::nullopt;
  std::vector<WeightFormulas> result = shorter;
  for (std::size_t c = 0; c < shorter.size(); ++c) {
    if (!equal_but_for_times(shorter[c], longer[c])) return std::nullopt;
    for (std::size_t t = 0; t < shorter[c].terms.size(); ++t)
      result[c].terms[t].times += times * (longer[c].terms[t].times - shorter[c].terms[t].times);
  }
  return result;
}

/// Entries looked at from behind a repeat, counted from its end.
std::vector<std::int32_t> needed_of(const Tape& tape, const Tape::Stretch& stretch) {
  const std::int32_t end = stretch.first + stretch.length * stretch.times;
  std::vector<std::int32_t> list;
  for (std::int32_t n = stretch.first_needed; n < stretch.first_needed + stretch.needed; ++n)
    list.push_back(end - tape.needed[static_cast<std::size_t>(n)]);
  return list;
}

}  // namespace

StepStructure structure_of(std::span<const Outline* const> classes,
                           const std::optional<std::vector<std::int32_t>>& cut) {
  std::vector<SyncGraph> graphs;
  std::vector<const SyncGraph*> list;
  graphs.reserve(classes.size());
  for (std::size_t c = 0; c < classes.size(); ++c)
    list.push_back(&graphs.emplace_back(reduce(*classes[c], cut ? (*cut)[c] : kNone)));
  StepStructure result{compile(list), {}};
  for (SyncGraph& graph : graphs) result.formulas.push_back(std::move(graph.formulas));
  return result;
}

std::optional<StepStructure> lengthened(const StepStructure& shorter, const StepStructure& longer,
                                        std::int32_t times) {
  const Tape &a = shorter.tape, &b = longer.tape;
  const bool alike = a.begin == kNone && b.begin == kNone && a.runs == b.runs && a.code == b.code &&
                     a.first_weight == b.first_weight && a.values == b.values &&
                     equal(a.longest, b.longest) && equal(a.sums, b.sums) && equal(a.late, b.late) &&
                     a.stretches.size() == b.stretches.size();
  if (!alike) return std::nullopt;
  std::optional<std::vector<WeightFormulas>> formulas = lengthened(shorter.formulas, longer.formulas, times);
  if (!formulas) return std::nullopt;
  StepStructure result{a, std::move(*formulas)};
  Tape& tape = result.tape;
  tape.entry_of.clear();
  std::int32_t added = 0;  // entries, so far
  bool any = false;
  for (std::size_t s = 0; s < a.stretches.size(); ++s) {
    const Tape::Stretch &one = a.stretches[s], &other = b.stretches[s];
    Tape::Stretch& own = tape.stretches[s];
    if (one.length != other.length || one.runs != other.runs || one.times > other.times ||
        one.memory != other.memory || needed_of(a, one) != needed_of(b, other) ||
        (one.times == 1) != (other.times == 1))
      return std::nullopt;
    own.first += added;
    own.times += times * (other.times - one.times);
    any = any || other.times > one.times;
    added += (own.times - one.times) * one.length;
    for (std::int32_t n = one.first_needed; n < one.first_needed + one.needed; ++n)
      tape.needed[static_cast<std::size_t>(n)] += added;
  }
  if (!any || a.end != a.entries - 1 || b.end != b.entries - 1) return std::nullopt;
  tape.entries += added;
  tape.end += added;
  return result;
}

}  // namespace ds::maxplus
