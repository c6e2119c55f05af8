#pragma once
// Finds the best plans of a space: a searcher says which candidates come next, the loop has them judged and tells what came
// out.
//
//   Evaluator evaluator(space, profile);
//   const Found found = search(space, evaluator, *find_method("random")->make({space, evaluator, seed}), {.evals = 1000});
//   found.top.front().index
//
// Search is the same for those who look at what has been found while it goes on.
//
// Plans are cut, soundly, before their step time is asked for: those that break a rule, those that do not fit into memory,
// those whose bound says that they are not among the best of each kind so far. So the best plans of a space that was seen whole
// are the best, and `top` holds no other.

#include <cstdint>
#include <limits>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "simulator/base/progress.h"
#include "simulator/base/units.h"
#include "tuner/search/found.h"
#include "tuner/search/remaining.h"
#include "tuner/search/study.h"
#include "tuner/space/judge.h"
#include "tuner/space/space.h"

namespace ds::tuner {

/// The seam where methods of search plug in. A searcher sees the space (its dimensions, and which values of one are legal
/// given the others: Space::legal_values) and of each candidate its digits and its verdict. It never asks for the same
/// candidate twice.
class Searcher {
 public:
  Searcher() = default;
  Searcher(const Searcher&) = delete;
  Searcher& operator=(const Searcher&) = delete;
  virtual ~Searcher() = default;

  /// Candidates to look at next, `most` of them at most: fewer where it has no more, or first wants to be told what became
  /// of these. None when it has no more.
  virtual std::vector<Candidate> ask(std::size_t most) = 0;
  /// What became of candidates that it asked for: of each once, of some never where the search ends. Both are equally long.
  virtual void tell(std::span<const Candidate> candidates, std::span<const Verdict> verdicts) = 0;
  /// Candidates that it did not ask for since they break a rule, and that it came by since this was asked last.
  virtual Rejections left_out() { return {}; }
  /// Whether what it asks for depends on what it is told. If not, a study that goes on need not tell it again.
  virtual bool learns() const { return true; }
};

/// A number that a method can be tuned by, and from where to where that makes sense, on a logarithmic scale.
struct Parameter {
  std::string_view name;
  double usual{}, least{}, most{};
};

/// What a searcher is made for. Space and outlook have to outlive it.
struct Setting {
  const Space& space;
  Outlook& outlook;
  std::uint64_t seed{};
  std::int64_t evals{
      std::numeric_limits<std::int64_t>::max()};  // the search ends after so many at the latest
  std::span<const double> parameters;             // as the method lists them; none: as usual
};

/// A way to search. Equal settings give equal searches.
struct Method {
  std::string_view name;
  std::unique_ptr<Searcher> (*make)(const Setting& setting);
  bool sees_all{};  // it goes on until it has asked for every candidate, so that its best plans are proven
  std::span<const Parameter> parameters;
};
/// `number`: of a parameter of the list.
double parameter(const Setting& setting, std::span<const Parameter> list, std::size_t number);
/// The catalogue (methods.cpp).
std::span<const Method> methods();
/// Null where there is none of that name.
const Method* find_method(std::string_view name);

struct Options {
  std::optional<Candidate> start;  // judged first
  std::int64_t evals{std::numeric_limits<std::int64_t>::max()};
  Seconds time_limit{std::numeric_limits<double>::infinity()};
  std::size_t top{5};  // kinds
  bool front{false};   // nor are plans cut that may be on the front of step time and memory
  const StopToken* stop{nullptr};
  Study* study{nullptr};  // goes on from it, and adds to it
  Progress progress;
};

/// One search. What it is made of has to outlive it.
class Search {
 public:
  Search(const Space& space, Judge& judge, Searcher& searcher, Options options);

  /// Ends when the searcher has no more, when the whole space has been seen, or at a limit of `options`.
  void run();
  /// What has been found so far: for any thread, at any time. `end` is why it ended, or would if it did not go on.
  Found found() const;

 private:
  void take_up();
  void put_down();
  std::vector<Verdict> judged(std::span<const Candidate> candidates, std::function<bool()> enough);
  Index seen() const;
  Seconds searched() const;
  bool stopped() const;
  std::optional<End> told_to_end() const;
  std::optional<End> why_to_end() const;
  void count(const Rejections& left_out);
  void count(const Candidate& candidate, const Verdict& verdict);
  void keep(const Scored& one);
  void remember(Index index, const Verdict& verdict);
  std::optional<Seconds> left() const;
  void tell_progress();
  std::string incumbent() const;

  const Space* space_;
  Judge* judge_;
  Searcher* searcher_;
  Options options_;
  Seconds begun_, told_;
  std::int64_t batches_{0};           // judged to their end
  Index asked_{0};                    // candidates so far
  std::int64_t evaluated_before_{0};  // by earlier runs
  Remaining remaining_;
  mutable std::mutex lock_;  // for what follows, which run() alone changes
  Found found_;              // but for `top`, `front` and `end`
  std::optional<End> end_;   // once it has ended
  Leaders<Scored> leaders_;
  Front<Scored> front_;
};

/// Runs one to its end.
Found search(const Space& space, Judge& judge, Searcher& searcher, const Options& options);

}  // namespace ds::tuner
