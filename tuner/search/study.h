#pragma once
// A study: the file that a search grows line by line. Whoever follows it sees the best so far; a search that was killed, at any
// moment, goes on from it and ends as if nothing had happened.
//
//   Study study("study.jsonl", {.identity = {{"method", "random"}, ...}}, space);   // InputError: damaged, another search's, in use
//   search(space, evaluator, *searcher, {.study = &study});
//
// JSON Lines (profiles/schemas/study.json). The first line says whose the study is. Then come verdicts that took time to find, for
// the same questions to be answered from; each new best plan; and, of searches that learn nothing, all that has been found after each
// batch of candidates, after which the verdicts before it are of no use any more.

#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tuner/search/found.h"
#include "tuner/search/line_file.h"

namespace ds::tuner {

/// Most bytes of a study; a verdict has some fifty.
inline constexpr std::int64_t kMaxStudyBytes = 1LL << 30;

/// Whose a study is.
struct StudyHeader {
  /// All that a result depends on, by name. A study goes on only where all of it is equal.
  std::map<std::string, std::string> identity;
  std::string provenance{"{}"};  // a JSON object, of the first run
  bool begins_small{false};      // few candidates are judged at first, so that something is soon there
};

/// What there was after so many batches.
struct Checkpoint {
  Found found;
  std::int64_t batches{0};
  bool ended{false};  // found.end says why
};

/// What event depth says of the best, in their order; nothing where a step is too long to be played.
using Events = std::vector<std::optional<AtEventDepth>>;

/// What a study says.
struct StudyContent {
  struct Known {
    Index index{};
    Dear verdict;
    Seconds at;  // of search
  };

  bool has_header{false};
  StudyHeader header;
  std::optional<Checkpoint> checkpoint;  // the last one
  std::vector<Known> known;              // verdicts since
  std::optional<Events> events;          // once the search has ended
  Seconds seconds;                       // of search so far

  /// Takes what a line says. Throws InputError.
  void take(std::string_view line, std::int64_t number, const std::string& file, const Space& space);
};

/// A line each, with its end.
std::string header_line(const StudyHeader& header);
std::string verdicts_line(const std::vector<StudyContent::Known>& verdicts, Seconds at);
std::string best_line(const Scored& best, std::int64_t evaluations, Seconds at, const Space& space);
std::string checkpoint_line(const Checkpoint& checkpoint, Seconds at);
std::string events_line(const Events& events, Seconds at);

/// What the study says of its search under that name, if it is one.
std::optional<std::string> said_by_study(const std::string& file, const std::string& name);

/// For one search; what is written may be asked for by several threads.
class Study {
 public:
  /// Opens the study, or begins one. `header` as a new one would have it.
  Study(const std::string& file, StudyHeader header, const Space& space);
  ~Study();
  Study(const Study&) = delete;
  Study& operator=(const Study&) = delete;

  bool begins_small() const { return content_.header.begins_small; }
  const std::optional<Checkpoint>& checkpoint() const { return content_.checkpoint; }
  const std::optional<Events>& events() const { return content_.events; }
  /// Of earlier runs.
  Seconds seconds() const { return content_.seconds; }
  /// Null where there is none.
  const StudyContent::Known* known(Index index) const;

  /// Written together, some at a time.
  void add(Index index, const Dear& verdict, Seconds at);
  void write_if_due();
  /// Written at once.
  void add_best(const Scored& best, std::int64_t evaluations, Seconds at);
  void add_checkpoint(const Checkpoint& checkpoint, Seconds at);
  /// After the end; else nothing is written.
  void add_events(const Events& events);
  /// All that is left to be written, and that it is on the disk.
  void finish();
  /// Why it could not be written to its end; "" where it could.
  std::string failure() const;

 private:
  void write(std::string_view lines, Seconds at);

  const Space* space_;
  LineFile file_;
  StudyContent content_;  // `known` by index
  mutable std::mutex lock_;
  std::vector<StudyContent::Known> waiting_;  // to be written
  Seconds written_, synced_;
  std::optional<Seconds> ended_;  // of search
};

}  // namespace ds::tuner
