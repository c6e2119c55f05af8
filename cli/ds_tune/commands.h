#pragma once
// The commands of ds-tune, with their options as plain values.

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "cli/session/session.h"
#include "tuner/search/ranking.h"
#include "tuner/search/search.h"

namespace ds::cli {

struct SearchOptions {
  std::string job;
  std::string space;  // file, "" for the default space
  std::vector<std::string> pins, forbids;
  std::string method{"auto"};
  std::optional<std::int64_t> evals;
  std::optional<double> time_limit_s;
  std::int64_t top{5};
  std::optional<double>
      memory_margin;      // share of memory that plans leave free; not given: by the software's allocator
  std::string export_as;  // "", "job", or a name of exports::find_format
  std::string study;      // file, "" for none
  std::string plot;       // file of a picture, "" for none
  bool front{false};      // plans that need less memory, too
};

/// What --method may be, as a list for people.
std::string method_names();

int tune_search(const Common& common, const SearchOptions& asked);

struct TrainOptions {
  std::string instances;  // file, "" for those that are shipped
  std::string lessons;    // file that keeps what is learned from; "": they are made and forgotten
  std::string policy;     // file to write
  std::int64_t plans{1200};
  std::int64_t rounds{4000}, choices{400};
};
int tune_train(const Common& common, const TrainOptions& options);

struct BenchOptions {
  std::string instances;
  std::string policy;  // file, "" for the one that is shipped
  std::vector<std::string> tiers, methods;
  std::int64_t evals{100}, seeds{10}, draws{0};
};
int tune_bench(const Common& common, const BenchOptions& options);

/// What a search is of, beside its options.
struct StudyOf {
  const workload::Job& job;  // as read: with all of its memory
  const tuner::Space& space;
  std::int64_t cores{};
  std::string_view method;
  double memory_margin{};
};
tuner::StudyHeader study_header(const StudyOf& of, const SearchOptions& options,
                                const report::Provenance& origin);

using tuner::AtEventDepth;

/// A plan with all that is said of it.
struct Judged {
  workload::Plan plan;
  tuner::Verdict verdict;
  std::optional<AtEventDepth> event;  // where it was asked for
};

/// Why a plan of the job's own has no verdict, where the search ended before.
inline constexpr std::string_view kNotJudged = "not judged: the search ended before";

/// What a search came to.
struct SearchAnswer {
  const tuner::Space& space;
  const Document& job;  // as read, --set applied
  const tuner::Found& found;
  std::string_view method;
  std::vector<Judged> top, front;  // top: fastest first
  std::optional<Judged> baseline;  // the job's own plan
  std::string baseline_fault;      // why it has none
  bool baseline_in_space{};
  double memory_margin{};                    // of memory, which no plan may use
  bool shows_front{};                        // it was asked for
  std::vector<tuner::RankingHolds> ranking;  // how `top` holds where costs are off by 10 and 20 %
};

/// Candidates that are no plans, by words_of what they were rejected for.
std::map<std::string_view, tuner::Index> counted_by_words(const tuner::Found& found);

/// The job with that plan, complete: `ds-sim run` accepts it, wherever it is put.
std::string job_text(const workload::Plan& plan, const SearchAnswer& answer);
/// JSON on one line.
std::string text_of(const report::Provenance& origin);
/// The report, by profiles/schemas/tune-report.json.
std::string search_report(const SearchAnswer& answer, const report::Provenance& origin);
/// A picture, SVG, of what it found, which is something.
std::string search_plot(const SearchAnswer& answer);
/// For people.
std::string search_tables(const SearchAnswer& answer, const terminal::Screen& screen);

}  // namespace ds::cli
