// Compiles entries in order into code, with what repeats itself written once.
#include "simulator/maxplus/tape.h"

#include <algorithm>
#include <utility>

#include "simulator/base/error.h"
#include "simulator/base/random.h"
#include "simulator/maxplus/entries.h"

namespace ds::maxplus {
namespace {

class Compiler {
 public:
  explicit Compiler(Entries& entries)
      : entries_(entries), beats_(beats_of(entries)), tape_(entries.tape), place_(beats_.order.size()) {
    for (std::size_t i = 0; i < place_.size(); ++i)
      place_[static_cast<std::size_t>(beats_.order[i])] = static_cast<std::int32_t>(i);
    write_all();
    cut_into_stretches();
    find_needed();
    rename();
  }

 private:
  std::size_t beats() const { return beats_.begins.size() - 1; }

  /// The code of every entry, and a name for every beat that follows from it.
  void write_all() {
    code_.reserve(2 * entries_.waits.size());
    for (std::size_t b = 0; b < beats(); ++b) {
      std::uint64_t name = 0;
      for (std::int32_t i = beats_.begins[b]; i < beats_.begins[b + 1]; ++i) {
        const std::span<const Entries::EntryWait> waits =
            entries_.waits_of(beats_.order[static_cast<std::size_t>(i)]);
        begins_.push_back(code_.size());
        bool from_begin = false;
        for (const Entries::EntryWait& wait : waits) {
          if (wait.entry == kNone && from_begin) {
            code_.back() = longest(code_.back(), wait.value);
            continue;
          }
          from_begin = from_begin || wait.entry == kNone;
          if (wait.entry != kNone) code_.push_back(i - place_[static_cast<std::size_t>(wait.entry)]);
          code_.push_back(wait.value);
        }
        const auto words = static_cast<std::int32_t>(code_.size() - begins_.back());
        kinds_.push_back({1, words / 2, from_begin});
        name = mix(name ^ static_cast<std::uint64_t>(words));
        for (std::size_t w = begins_.back(); w < code_.size(); ++w)
          name = mix(name ^ static_cast<std::uint64_t>(code_[w]));
      }
      names_.push_back(name);
      sizes_.push_back(beats_.begins[b + 1] - beats_.begins[b]);
    }
    begins_.push_back(code_.size());
  }

  /// Rare: an entry with two values from the step's begin. Kept behind all other values.
  std::int32_t longest(std::int32_t a, std::int32_t b) {
    for (const auto& [pair, number] : late_)
      if (pair.a == a && pair.b == b) return number;
    late_.push_back({{a, b}, tape_.values});
    tape_.late.push_back({a, b});
    return tape_.values++;
  }

  void cut_into_stretches() {
    std::int32_t beat = 0;
    for (const Repeat& repeat : find_repeats(names_, sizes_)) {
      if (!is_exact(repeat)) continue;
      add_stretch(beat, repeat.first, 1);
      add_stretch(repeat.first, repeat.first + repeat.length, repeat.times);
      beat = repeat.first + repeat.length * repeat.times;
    }
    add_stretch(beat, static_cast<std::int32_t>(beats()), 1);
  }

  std::int32_t at(std::int32_t beat) const { return beats_.begins[static_cast<std::size_t>(beat)]; }

  bool is_exact(const Repeat& repeat) const {
    const auto words = [&](std::int32_t period) {
      const auto first = begins_[static_cast<std::size_t>(at(repeat.first + period * repeat.length))];
      const auto last = begins_[static_cast<std::size_t>(at(repeat.first + (period + 1) * repeat.length))];
      return std::span(code_).subspan(first, last - first);
    };
    for (std::int32_t period = 1; period < repeat.times; ++period)
      if (!std::ranges::equal(words(0), words(period))) return false;
    return true;
  }

  void add_stretch(std::int32_t first_beat, std::int32_t last_beat, std::int32_t times) {
    const std::int32_t first = at(first_beat), last = at(last_beat);
    if (first == last) return;
    Tape::Stretch stretch{.first = first,
                          .length = last - first,
                          .times = times,
                          .first_run = static_cast<std::int32_t>(tape_.runs.size()),
                          .runs = 0,
                          .code = static_cast<std::int32_t>(tape_.code.size())};
    for (std::int32_t i = first; i < last; ++i) {
      const Tape::EntryRun& kind = kinds_[static_cast<std::size_t>(i)];
      if (stretch.runs > 0 && tape_.runs.back().waits == kind.waits &&
          tape_.runs.back().from_begin == kind.from_begin) {
        ++tape_.runs.back().entries;
      } else {
        tape_.runs.push_back(kind);
        ++stretch.runs;
      }
    }
    tape_.code.insert(tape_.code.end(),
                      code_.begin() + static_cast<std::ptrdiff_t>(begins_[static_cast<std::size_t>(first)]),
                      code_.begin() + static_cast<std::ptrdiff_t>(begins_[static_cast<std::size_t>(last)]));
    tape_.stretches.push_back(stretch);
  }

  template <class Fn>
  void for_each_back(std::int32_t first, std::int32_t last, Fn&& fn) const {
    for (std::int32_t i = first; i < last; ++i) {
      const auto e = static_cast<std::size_t>(i);
      for (std::size_t w = begins_[e] + (kinds_[e].from_begin ? 1 : 0); w < begins_[e + 1]; w += 2)
        fn(i, i - code_[w]);
    }
  }

  /// What is looked at from behind a repeat, and how far back it has to be right when periods have been skipped.
  void find_needed() {
    std::vector<std::vector<std::int32_t>> needed(tape_.stretches.size());
    std::vector<std::int32_t> stretch_of(place_.size());
    for (std::size_t s = 0; s < needed.size(); ++s) {
      const Tape::Stretch& one = tape_.stretches[s];
      std::fill_n(stretch_of.begin() + one.first, one.length * one.times, static_cast<std::int32_t>(s));
    }
    const auto look_at = [&](std::int32_t entry, std::size_t from) {
      const auto s = static_cast<std::size_t>(stretch_of[static_cast<std::size_t>(entry)]);
      if (s != from && tape_.stretches[s].times > 1) needed[s].push_back(entry);
    };
    for (std::size_t s = 0; s < needed.size(); ++s) {
      const Tape::Stretch& one = tape_.stretches[s];
      for_each_back(one.first, one.first + one.length * one.times,
                    [&](std::int32_t, std::int32_t from) { look_at(from, s); });
    }
    for (const std::int32_t entry : {tape_.begin, tape_.end})
      if (entry != kNone) look_at(place_[static_cast<std::size_t>(entry)], needed.size());
    for (std::size_t s = 0; s < needed.size(); ++s) {
      Tape::Stretch& one = tape_.stretches[s];
      if (one.times == 1) continue;
      std::ranges::sort(needed[s]);
      const auto [first, last] = std::ranges::unique(needed[s]);
      needed[s].erase(first, last);
      std::int32_t furthest = 0;  // entries before the first of a period
      for_each_back(one.first, one.first + one.length, [&](std::int32_t, std::int32_t from) {
        furthest = std::max(furthest, one.first - from);
      });
      const std::int32_t end = one.first + one.length * one.times;
      if (!needed[s].empty()) furthest = std::max(furthest, end - needed[s].front());
      one.memory = (furthest + one.length - 1) / one.length;
      one.first_needed = static_cast<std::int32_t>(tape_.needed.size());
      one.needed = static_cast<std::int32_t>(needed[s].size());
      tape_.needed.insert(tape_.needed.end(), needed[s].begin(), needed[s].end());
    }
  }

  /// From numbers of entries to their places on the tape.
  void rename() {
    for (auto* list : {&tape_.entry_of, &tape_.entry_before})
      for (std::vector<std::int32_t>& points : *list)
        for (std::int32_t& entry : points) entry = place_[static_cast<std::size_t>(entry)];
    for (std::int32_t* entry : {&tape_.begin, &tape_.end})
      if (*entry != kNone) *entry = place_[static_cast<std::size_t>(*entry)];
  }

  const Entries& entries_;
  Beats beats_;
  Tape& tape_;
  std::vector<std::int32_t> place_;    // by entry
  std::vector<std::int32_t> code_;     // of all entries, in order
  std::vector<std::size_t> begins_;    // by place, in code_; one more for the end
  std::vector<Tape::EntryRun> kinds_;  // by place, of one entry
  std::vector<std::uint64_t> names_;
  std::vector<std::int32_t> sizes_;
  struct Late {
    Tape::ValuePair pair;
    std::int32_t number{};
  };
  std::vector<Late> late_;
};

}  // namespace

Tape compile(std::span<const SyncGraph* const> classes) {
  ensure(!classes.empty(), "a step has a class");
  Entries entries(classes);
  Compiler compiler(entries);
  return std::move(entries.tape);
}

}  // namespace ds::maxplus
