#pragma once
// Entries of a tape before they are put in order. Private to compile().

#include <cstdint>
#include <span>
#include <vector>

#include "simulator/maxplus/pair_table.h"
#include "simulator/maxplus/tape.h"

namespace ds::maxplus {

struct Entries {
  struct EntryWait {
    std::int32_t entry{};  // none: the step's begin
    std::int32_t value{};
    std::int32_t beats{};
  };
  explicit Entries(std::span<const SyncGraph* const> classes);

  std::int32_t size() const { return static_cast<std::int32_t>(begins.size()) - 1; }
  std::span<const EntryWait> waits_of(std::int32_t entry) const {
    const auto e = static_cast<std::size_t>(entry);
    return std::span(waits).subspan(begins[e], begins[e + 1] - begins[e]);
  }

  std::vector<std::size_t> begins;  // by entry; one more for the end
  std::vector<EntryWait> waits;     // those that count from the step's begin come first
  std::vector<std::int32_t> home;   // by entry: names a lane of a class, in which entries are in order
  std::vector<std::uint64_t>
      when;   // by entry: an even clock, then depth among what happens at that time; later than
              // all that the entry waits for
  Tape tape;  // values, entry_of, begin, end are set
};

/// Fails where entries wait for each other for ever.
std::vector<std::int32_t> topological_order(const Entries& entries);

/// Entries in an order in which each follows all it waits for, in groups that do not wait for one another.
struct Beats {
  std::vector<std::int32_t> order;
  std::vector<std::int32_t> begins;  // in `order`; one more for the end
};
Beats beats_of(const Entries& entries);

/// Beats that come again and again.
struct Repeat {
  std::int32_t first{}, length{}, times{};  // beats
};
/// `names` by beat: equal beats have one name. Repeats come at least three times, do not overlap and are in order.
std::vector<Repeat> find_repeats(std::span<const std::uint64_t> names, std::span<const std::int32_t> sizes);

}  // namespace ds::maxplus
