// Extrapolates a tape from two of different length.
#include "simulator/maxplus/lengthen.h"

#include <algorithm>

#include "simulator/maxplus/cut.h"

namespace ds::maxplus {
namespace {

bool equal(const std::vector<Tape::ValuePair>& a, const std::vector<Tape::ValuePair>& b) {
  return std::ranges::equal(a, b, [](const Tape::ValuePair& one, const Tape::ValuePair& other) {
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

std::int32_t end_of(const Tape::Stretch& stretch) { return stretch.first + stretch.length * stretch.times; }

/// An entry, counted back from the end of its stretch: what stays when stretches before it become longer.
struct EntryPlace {
  std::size_t stretch{};
  std::int32_t before_end{};
  bool operator==(const EntryPlace&) const = default;
};
EntryPlace place_of(const Tape& tape, std::int32_t entry) {
  const auto behind = std::ranges::upper_bound(tape.stretches, entry, {}, &Tape::Stretch::first);
  return {static_cast<std::size_t>(behind - tape.stretches.begin()) - 1, end_of(*(behind - 1)) - entry};
}
std::int32_t entry_at(const Tape& tape, EntryPlace place) {
  return end_of(tape.stretches[place.stretch]) - place.before_end;
}

/// Calls fn(stretch, entry, its word of code) for all entries that are waited for.
template <class Fn>
void for_each_back(const Tape& tape, Fn&& fn) {
  for (std::size_t s = 0; s < tape.stretches.size(); ++s) {
    const Tape::Stretch& stretch = tape.stretches[s];
    auto word = static_cast<std::size_t>(stretch.code);
    std::int32_t entry = stretch.first;
    for (std::int32_t r = stretch.first_run; r < stretch.first_run + stretch.runs; ++r) {
      const Tape::EntryRun& run = tape.runs[static_cast<std::size_t>(r)];
      for (std::int32_t i = 0; i < run.entries; ++i, ++entry) {
        word += run.from_begin ? 1 : 0;
        for (std::int32_t w = 0; w < run.waits; ++w, word += 2) fn(s, entry, word);
      }
    }
  }
}

/// The code of `result`, whose stretches are longer than those of `a`. False where `b` has other code than that way.
bool move_code(const Tape& a, const Tape& b, Tape& result) {
  if (a.code.size() != b.code.size()) return false;
  std::vector<std::int32_t> of_a = a.code, of_b = b.code;
  bool fits = true;
  for_each_back(a, [&](std::size_t s, std::int32_t entry, std::size_t word) {
    const EntryPlace from = place_of(a, entry - a.code[word]);
    const std::int32_t own_of_b = b.stretches[s].first + entry - a.stretches[s].first;
    const std::int32_t own = result.stretches[s].first + entry - a.stretches[s].first;
    of_a[word] = of_b[word] = 0;
    if (from.stretch == s) {  // entries of a stretch keep their distance
      fits = fits && a.code[word] == b.code[word];
      return;
    }
    fits = fits && from == place_of(b, own_of_b - b.code[word]);
    result.code[word] = own - entry_at(result, from);
    fits = fits && (a.stretches[s].times == 1 || result.code[word] == a.code[word]);
  });
  return fits && of_a == of_b;
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
  const bool alike = a.begin == kNone && b.begin == kNone && a.runs == b.runs &&
                     a.first_weight == b.first_weight && a.values == b.values &&
                     equal(a.longest, b.longest) && equal(a.sums, b.sums) && equal(a.late, b.late) &&
                     a.needed.size() == b.needed.size() && a.stretches.size() == b.stretches.size();
  if (!alike) return std::nullopt;
  std::optional<std::vector<WeightFormulas>> formulas = lengthened(shorter.formulas, longer.formulas, times);
  if (!formulas) return std::nullopt;
  StepStructure result{a, std::move(*formulas)};
  Tape& tape = result.tape;
  std::int32_t added = 0;  // entries, so far
  for (std::size_t s = 0; s < a.stretches.size(); ++s) {
    const Tape::Stretch &one = a.stretches[s], &other = b.stretches[s];
    if (one.length != other.length || one.runs != other.runs || one.times > other.times ||
        one.memory != other.memory || one.needed != other.needed || (one.times == 1) != (other.times == 1))
      return std::nullopt;
    Tape::Stretch& own = tape.stretches[s];
    own.first += added;
    own.times += times * (other.times - one.times);
    added += (own.times - one.times) * one.length;
  }
  for (std::size_t n = 0; n < a.needed.size(); ++n) {
    const EntryPlace place = place_of(a, a.needed[n]);
    if (place != place_of(b, b.needed[n])) return std::nullopt;
    tape.needed[n] = entry_at(tape, place);
  }
  const EntryPlace end = place_of(a, a.end);
  if (end != place_of(b, b.end) || !move_code(a, b, tape)) return std::nullopt;
  tape.end = entry_at(tape, end);
  tape.entries += added;
  tape.entry_of.clear();
  return result;
}

}  // namespace ds::maxplus
