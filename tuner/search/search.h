#pragma once
// Finds the best plans of a space: a searcher says which plan comes next, the loop judges it and tells what came out.
//
//   Evaluator evaluator(space.base(), profile);
//   const Found found = search(space, evaluator, *random_order(space.size(), seed), {.evals = 1000});
//   found.top.front().index
//
// Plans are cut, soundly, before their step time is asked for: those that break a rule, those that do not fit into memory,
// those whose bound is no better than the last of the best plans so far. So the best plans of a space that was seen whole
// are the best, and `top` holds no other.

#include <cstdint>
#include <limits>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "simulator/base/progress.h"
#include "simulator/base/units.h"
#include "tuner/space/evaluator.h"
#include "tuner/space/space.h"

namespace ds::tuner {

/// What became of a plan.
enum class Fate : std::uint8_t { rule, memory, bound, evaluated };

struct Outcome {
  Fate fate{};
  Verdict verdict;  // evaluated: all of it; memory: the peak; bound: the bound as step time
};

/// The seam where methods of search plug in. A searcher never asks for the same plan twice.
class Searcher {
 public:
  Searcher() = default;
  Searcher(const Searcher&) = delete;
  Searcher& operator=(const Searcher&) = delete;
  virtual ~Searcher() = default;

  /// Plans to look at next, `most` of them at most: fewer where it has no more, or first wants to be told what became of
  /// these. None when it has no more.
  virtual std::vector<Index> ask(std::size_t most) = 0;
  virtual void tell(Index index, const Outcome& outcome) = 0;
};

/// Every plan, by number.
std::unique_ptr<Searcher> in_order(Index size, std::uint64_t seed);
/// Every plan, in an order that the seed says.
std::unique_ptr<Searcher> random_order(Index size, std::uint64_t seed);

struct Method {
  std::string_view name;
  std::unique_ptr<Searcher> (*make)(Index size, std::uint64_t seed);
};
std::span<const Method> methods();

struct Options {
  std::optional<Index> start;  // looked at first
  std::int64_t evals{std::numeric_limits<std::int64_t>::max()};
  Seconds time_limit{std::numeric_limits<double>::infinity()};
  std::size_t top{5};
  const StopToken* stop{nullptr};
  Progress progress;
};

struct Candidate {
  Index index{};
  Verdict verdict;
};

/// The best so far was found then.
struct Improvement {
  std::int64_t evaluations{};
  Seconds after;
  Seconds step_time;
};

struct Pruned {
  Index rule{}, memory{}, bound{};
};

enum class End : std::uint8_t { seen_whole, evals, time_limit, stopped };

struct Found {
  std::vector<Candidate> top;    // fastest first; equally fast ones in the order of search
  std::vector<Candidate> front;  // of those evaluated, none is both faster and smaller; fastest first
  std::int64_t evaluations{};
  Pruned pruned;
  std::vector<Improvement> history;
  std::map<std::string_view, Index> rules;  // plans that broke them, by path
  std::optional<Candidate> nearest;         // least over its memory, of those that do not fit
  End end{};

  bool optimal() const { return end == End::seen_whole && !top.empty(); }
};

Found search(const Space& space, Evaluator& evaluator, Searcher& searcher, const Options& options);

}  // namespace ds::tuner
