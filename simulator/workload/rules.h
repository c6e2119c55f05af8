#pragma once
// The one table of what must hold between the keys of a job. Asked millions of times by the tuner: `first_violation`
// allocates nothing, and a violation is a pointer that becomes words only when somebody reads them:
//
//   if (const auto violation = first_violation(job)) throw as_error(*violation, job);
//   // plan.tp: 12 must divide model.heads, which is 40; 10 and 20 do
//
// What a single key must be (a whole number, at least 1, at most so many) has been checked while reading.

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "simulator/base/error.h"
#include "simulator/workload/job.h"

namespace ds::workload {

struct Rule {
  std::string_view path;            // the key that is named first
  bool (*keeps)(const Job&);        // may assume that all rules above it in the table are kept
  std::string (*says)(const Job&);  // what is wrong with which value, and the rule
  std::int64_t& (*key)(Job&);  // the value that `path` names, varied to find what would be right; or null
  /// Where another key is what is really wrong, and this one only follows from it: the rule which that one breaks. May be null,
  /// and give null.
  const Rule* (*cause)(const Job&){nullptr};
  /// All keys of the plan that `keeps` reads, where they are few; it may then be asked first. None: any, and what rules above it say.
  /// Searches pass over all combinations that share them at once.
  std::array<std::string_view, 5> reads{};

  bool reads_few() const { return !reads.front().empty(); }
};

struct Violation {
  const Rule* rule;
};

std::span<const Rule> rules();

/// The first rule that the job breaks, if any. `stage_layers` counts only where it was given.
std::optional<Violation> first_violation(const Job& job);

/// The rule that is to be told: that of the cause, where there is one.
const Rule& blamed(Violation violation, const Job& job);

/// The violation in words, with the nearest values that would keep the rule (all others unchanged).
InputError as_error(Violation violation, const Job& job);

}  // namespace ds::workload
