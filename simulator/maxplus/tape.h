#pragma once
// A step of all classes as one list of entries, each the latest of a few earlier ones and some seconds: compiled once for a
// structure, evaluated for any number of durations.

#include <cstdint>
#include <span>
#include <vector>

#include "simulator/maxplus/sync_graph.h"

namespace ds::maxplus {

/// t[e] = the latest of t[e - back] + value, over the entry's waits, and of one value counted from the step's begin.
struct Tape {
  /// Entries in a row that wait for equally many. In `code` each has the value from the begin, where it has one, then for
  /// every wait how many entries back and the value.
  struct EntryRun {
    std::int32_t entries{}, waits{};
    bool from_begin{};
    bool operator==(const EntryRun&) const = default;
  };
  /// Entries whose code is the same again and again, or those between such ones, `times` being 1.
  struct Stretch {
    std::int32_t first{}, length{}, times{1};
    std::int32_t first_run{}, runs{}, code{};
    std::int32_t memory{};  // periods back that its entries, and those behind it, look at most
    std::int32_t first_needed{}, needed{};  // in `needed`: entries that those behind it look at
  };
  struct ValuePair {
    std::int32_t a{}, b{};
  };

  std::int32_t entries{};
  std::vector<EntryRun> runs;
  std::vector<std::int32_t> code;
  std::vector<Stretch> stretches;
  std::vector<std::int32_t> needed;

  // Values: 0, the weights of all classes, the longer ones of two values, sums of two, the longer ones of those.
  std::vector<std::int32_t> first_weight;      // by class; one more for the end
  std::vector<ValuePair> longest, sums, late;  // `late`: longest ones again
  std::int32_t values{};

  std::int32_t begin{kNone}, end{};  // entries; a step is the time from the one to the other. None: from 0

  std::vector<std::vector<std::int32_t>> entry_of;      // by class and point, of the last step
  std::vector<std::vector<std::int32_t>> entry_before;  // of the step before; empty with a cut

  std::size_t weights() const { return static_cast<std::size_t>(first_weight.back()); }
};

/// Classes either all have a cut or none has. Without one, three steps are compiled and the third is measured, from the last
/// end of all lanes to the next. Fails where classes wait for each other for ever.
Tape compile(std::span<const SyncGraph* const> classes);

}  // namespace ds::maxplus
