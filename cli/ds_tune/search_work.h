#pragma once
// A search and the judging of what it found, done in a thread that may be left behind: one plan of four million GPUs can take
// seconds, and who has asked for a stop, or set a limit, does not wait for it.

#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "cli/ds_tune/commands.h"
#include "simulator/cost/cost.h"
#include "tuner/search/search.h"
#include "tuner/space/evaluator.h"

namespace ds::cli {

struct SearchLimits {
  const StopToken& stop;
  std::optional<std::int64_t> evals;
  std::optional<double> time_limit_s;
  std::size_t top{};
  bool front{false};
  bool announced{false};  // what a long one will take
};

class SearchWork {
 public:
  /// `own`: the job's own plan, if it is one.
  SearchWork(const workload::Job& base, std::optional<workload::Job> own, cost::Profile profile,
             const tuner::Constraints& constraints, std::size_t threads);

  const tuner::Space& space() const { return space_; }
  /// The search goes on from that file, and is kept there.
  void keep_in(const std::string& file, tuner::StudyHeader header) {
    study_.emplace(file, std::move(header), space_);
  }
  /// Why the file could not be written to its end; "" where it could.
  std::string failure_of_study() const { return study_ ? study_->failure() : ""; }
  /// Whether the job's own plan is in it.
  bool has_own() const { return start_.has_value(); }

  struct Judgements {
    std::vector<Judged> top, front;
    std::optional<Judged> baseline;
    bool complete{false};
  };
  /// Searches, and returns when that has ended or nobody waits any longer.
  static tuner::Found search(const std::shared_ptr<SearchWork>& work, const tuner::Method& method,
                             const SearchLimits& limits, terminal::ProgressLine& line);
  /// The job's own plan, and the best ones by events, as far as there is time.
  static Judgements judge(const std::shared_ptr<SearchWork>& work, const tuner::Found& found);

 private:
  bool enough() const;
  bool waits_no_longer();
  void announce(const SearchLimits& limits);
  void judge_own();
  void judge_by_events();
  std::optional<AtEventDepth> at_event_depth(const workload::Plan& plan) const;

  std::optional<workload::Job> own_;
  cost::Profile profile_;
  tuner::Space space_;
  std::size_t threads_;
  tuner::Evaluator evaluator_;
  std::optional<tuner::Candidate> start_;
  std::optional<tuner::Study> study_;
  std::unique_ptr<tuner::Searcher> searcher_;
  std::unique_ptr<tuner::Search> search_;
  const StopToken* stop_{nullptr};
  Seconds until_;
  std::optional<Seconds> stopped_at_;
  bool idle_{true};  // nobody was left behind

  std::mutex lock_;  // for what follows
  terminal::ProgressLine* line_{nullptr};
  Judgements judgements_;
};

}  // namespace ds::cli
