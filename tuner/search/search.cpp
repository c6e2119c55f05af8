#include "tuner/search/search.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>

namespace ds::tuner {
namespace {

/// A bound is never above its step time, up to this.
constexpr double kRounding = 1e-9;
constexpr Seconds kBetweenProgress{0.05};
// Plans asked for at once, most of which break a rule: few first, so that something is soon there.
constexpr std::size_t kFirst = 1000, kMostAtOnce = 64'000;

Seconds now() {
  return {std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count()};
}

class Search {
 public:
  Search(const Space& space, Evaluator& evaluator, const Options& options)
      : space_(&space), evaluator_(&evaluator), options_(&options), job_(space.base()), begun_(now()) {}

  Found run(Searcher& searcher) {
    if (options_->start) look_at(*options_->start);
    const Outcome of_start = last_;
    std::size_t at_once = kFirst;
    while (!ended()) {
      const std::vector<Index> asked = searcher.ask(at_once);
      if (asked.empty()) break;
      at_once = std::min(2 * at_once, kMostAtOnce);
      prepare(asked);
      for (const Index index : asked) {
        if (index == options_->start) {
          searcher.tell(index, of_start);  // counted already
          continue;
        }
        if (ended()) break;
        look_at(index);
        searcher.tell(index, last_);
        tell_progress();
      }
    }
    return std::move(found_);
  }

 private:
  /// Legal ones are estimated side by side. On CPUs there are no estimates.
  void prepare(const std::vector<Index>& indices) {
    if (indices.size() == 1 || space_->base().cluster.cpu()) return;
    std::vector<workload::Plan> plans;
    for (const Index index : indices)
      if (index != options_->start && !space_->take(index, job_)) plans.push_back(job_.plan);
    evaluator_->prepare(std::move(plans), [this] { return told_to_end().has_value(); });
  }

  Index seen() const {
    const Pruned& p = found_.pruned;
    return found_.evaluations + p.rule + p.memory + p.bound;
  }

  bool ended() {
    found_.end = End::seen_whole;
    if (seen() == space_->size()) return true;
    if (found_.evaluations >= options_->evals)
      found_.end = End::evals;
    else if (const std::optional<End> why = told_to_end())
      found_.end = *why;
    return found_.end != End::seen_whole;
  }

  std::optional<End> told_to_end() const {
    if (options_->stop != nullptr && options_->stop->stop_requested()) return End::stopped;
    return now() - begun_ >= options_->time_limit ? std::optional(End::time_limit) : std::nullopt;
  }

  void look_at(Index index) {
    last_ = {};
    if (const auto path = space_->take(index, job_)) {
      ++found_.rules[*path];
      ++found_.pruned.rule;
      last_.fate = Fate::rule;
      return;
    }
    last_.verdict.peak = evaluator_->peak(job_);
    if (static_cast<double>(last_.verdict.peak.value) > capacity()) {
      ++found_.pruned.memory;
      last_.fate = Fate::memory;
      keep_nearest(index);
      return;
    }
    if (found_.top.size() == options_->top) {
      const Seconds slowest = found_.top.back().verdict.step_time;
      const std::optional<Seconds> bound = evaluator_->bound(job_);
      if (bound && bound->value >= slowest.value * (1 + kRounding)) {
        last_.verdict.step_time = *bound;
        ++found_.pruned.bound;
        last_.fate = Fate::bound;
        return;
      }
    }
    last_ = {Fate::evaluated, evaluator_->evaluate(job_)};
    ++found_.evaluations;
    keep({index, last_.verdict});
  }

  double capacity() const { return job_.cluster.groups.front().node.memory_bytes_per_gpu; }

  /// By the share that it is over; on CPUs plans of few ranks have more memory for each.
  void keep_nearest(Index index) {
    const double over = static_cast<double>(last_.verdict.peak.value) / capacity();
    if (found_.nearest && over >= least_over_) return;
    least_over_ = over;
    found_.nearest = Candidate{index, last_.verdict};
  }

  void keep(const Candidate& candidate) {
    const Verdict& verdict = candidate.verdict;
    const auto slower = [&](const Candidate& other) { return other.verdict.step_time > verdict.step_time; };
    std::vector<Candidate>& top = found_.top;
    const auto place = std::ranges::find_if(top, slower);
    if (place == top.begin()) {
      found_.history.push_back({found_.evaluations, now() - begun_, verdict.step_time});
      incumbent_ = fmt::format("best {:.3g} s: {}", verdict.step_time.value, describe(job_.plan, *space_));
    }
    top.insert(place, candidate);
    if (top.size() > options_->top) top.pop_back();

    std::vector<Candidate>& front = found_.front;
    const auto beaten_by = [](const Verdict& a, const Verdict& b) {
      return b.step_time <= a.step_time && b.peak <= a.peak;
    };
    if (std::ranges::any_of(front, [&](const Candidate& c) { return beaten_by(verdict, c.verdict); })) return;
    std::erase_if(front, [&](const Candidate& c) { return beaten_by(c.verdict, verdict); });
    front.insert(std::ranges::find_if(front, slower), candidate);
  }

  void tell_progress() {
    if (!options_->progress) return;
    const Seconds at = now();
    if (at - told_ < kBetweenProgress) return;
    told_ = at;
    const auto share = [](auto part, auto whole) {
      return static_cast<double>(part) / static_cast<double>(whole);
    };
    const double done = std::max({share(seen(), space_->size()), share(found_.evaluations, options_->evals),
                                  (at - begun_) / options_->time_limit});
    options_->progress(std::min(done, 1.0),
                       fmt::format("{} plans tried; {}", found_.evaluations,
                                   incumbent_.empty() ? "none that fits yet" : incumbent_));
  }

  const Space* space_;
  Evaluator* evaluator_;
  const Options* options_;
  workload::Job job_;
  Found found_;
  Outcome last_;  // of the plan that was looked at last
  std::string incumbent_;
  double least_over_{};
  Seconds begun_, told_;
};

}  // namespace

Found search(const Space& space, Evaluator& evaluator, Searcher& searcher, const Options& options) {
  return Search(space, evaluator, options).run(searcher);
}

}  // namespace ds::tuner
