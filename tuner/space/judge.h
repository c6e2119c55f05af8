#pragma once
// The seam between searches and what they search with: a judge says of candidates whether they are legal, whether they fit and
// how long a step takes.

#include <cstddef>
#include <cstdint>
#include <functional>
#include <limits>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "simulator/base/units.h"
#include "tuner/space/front.h"
#include "tuner/space/leaders.h"
#include "tuner/space/outlook.h"
#include "tuner/space/space.h"

namespace ds::tuner {

struct Verdict {
  Reason reason{};
  std::string_view path;  // of a rule, or of what is not supported
  Seconds step_time;      // evaluated: at analytic depth; bound: what it cannot be below, up to rounding
  Bytes
      peak;  // evaluated: of the rank that needs most; memory: that, or what it is not below, which is no nearer to fitting
  double share_of_memory{};  // the same over what a rank can use
  bool fits{};               // peak <= what a rank can use
  PlanKind kind;             // memory, bound, evaluated

  Rejection rejection() const { return {reason, path}; }
};

/// A verdict, as far as it took time to find: somebody asked for a peak.
struct Dear {
  Reason reason{};  // evaluated, bound, memory
  Seconds step_time;
  Bytes peak;
};

/// How a batch is gone through. What is not said costs nothing.
struct Judging {
  /// Plans that cannot be among the best ones of `top` kinds, by their bound, are cut: of those in `best`, and of those
  /// evaluated in this batch before them. 0: none are cut.
  std::size_t top{0};
  struct Best {
    PlanKind kind;
    Seconds step_time;
  };
  std::vector<Best> best;
  /// Where it is given, those are not cut either that may be on the front of step time and memory: that no plan of these, nor one
  /// evaluated in this batch, is as fast and as small as.
  std::optional<std::vector<Extent>> front;
  bool too_large_ones{false};  // evaluate plans that do not fit, too
  /// It ends before a further candidate once so many plans of the batch have been evaluated. Where there is such a limit,
  /// candidates are judged in their order; else those come first that have the lowest bounds, and cut most of the others.
  std::int64_t evals{std::numeric_limits<std::int64_t>::max()};
  /// It ends once this is so; asked between plans, and by all threads.
  std::function<bool()> enough;
  /// Told each verdict as soon as it is known, but for those that nobody came to.
  std::function<void(std::size_t, const Verdict&)> told;
  /// Told, now and then, how many candidates have been looked at that bounds on their steps did not settle, and about how many are left
  /// that those do not settle as of now.
  std::function<void(std::int64_t looked_at, std::int64_t open)> ahead;
  /// Told those that took time to find, before others are.
  std::function<void(std::size_t, const Verdict&)> dear;
  /// What was told there when an equal batch was gone through (else null): it is not looked for again, and all goes as it went then.
  std::function<const Dear*(std::size_t)> known;
};

class Judge : public Outlook {
 public:
  /// A verdict for each candidate, in their order; `unseen` where `judging` ended it before.
  virtual std::vector<Verdict> evaluate(std::span<const Candidate> candidates,
                                        const Judging& judging = {}) = 0;
};

}  // namespace ds::tuner
