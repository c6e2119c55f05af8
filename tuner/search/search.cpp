// The loop: what is asked for is judged, kept if it is among the best, and told.
#include "tuner/search/search.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "simulator/base/steady_clock.h"

namespace ds::tuner {
namespace {

constexpr Seconds kBetweenProgress{0.05};
// Candidates asked for at once, most of which break a rule. The more they are, the fewer have to be evaluated, since the best ones
// by their bounds come first; where the search may end before, few come first, so that something is soon there.
constexpr std::size_t kFirst = 1000, kMostAtOnce = 500'000;

class Search {
 public:
  Search(const Space& space, Evaluator& evaluator, const Options& options)
      : space_(&space),
        evaluator_(&evaluator),
        options_(&options),
        leaders_(options.top),
        begun_(steady_now()) {}

  Found run(Searcher& searcher) {
    std::vector<Verdict> of_start;
    if (options_->start) of_start = judge(std::span(&*options_->start, 1), [this] { return stopped(); });
    const bool limited = options_->evals != Options{}.evals || options_->time_limit != Options{}.time_limit;
    std::size_t at_once = limited ? kFirst : kMostAtOnce;
    while (!ended()) {
      std::vector<Candidate> asked = searcher.ask(at_once);
      if (asked.empty()) break;
      at_once = std::min(2 * at_once, kMostAtOnce);
      if (options_->start && std::erase(asked, *options_->start) > 0)
        searcher.tell(std::span(&*options_->start, 1), of_start);  // counted already
      const std::vector<Verdict> verdicts = judge(asked, [this] { return told_to_end().has_value(); });
      searcher.tell(asked, verdicts);
    }
    for (const auto& one : leaders_.all()) found_.top.push_back(one.what);
    if (!found_.top.empty()) found_.nearest.reset();
    return std::move(found_);
  }

 private:
  std::vector<Verdict> judge(std::span<const Candidate> candidates, std::function<bool()> enough) {
    Judging judging{
        .top = options_->top,
        .best = {},
        .evals = options_->evals == Options{}.evals ? options_->evals : options_->evals - found_.evaluations,
        .enough = std::move(enough),
        .told = [&](std::size_t number, const Verdict& verdict) {
          count(candidates[number], verdict);
          tell_progress();
        }};
    for (const auto& one : leaders_.all()) judging.best.push_back({one.kind, one.step_time});
    return evaluator_->evaluate(candidates, judging);
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

  bool stopped() const { return options_->stop != nullptr && options_->stop->stop_requested(); }
  std::optional<End> told_to_end() const {
    if (stopped()) return End::stopped;
    return steady_now() - begun_ >= options_->time_limit ? std::optional(End::time_limit) : std::nullopt;
  }

  void count(const Candidate& candidate, const Verdict& verdict) {
    switch (verdict.reason) {
      case Reason::rule:
      case Reason::unsupported:
      case Reason::duplicate:
      case Reason::more_ranks_than_cores:
        ++found_.pruned.rule;
        ++found_.rejections[verdict.rejection()];
        return;
      case Reason::memory:
        ++found_.pruned.memory;
        // By the share that it is over; on CPUs plans of few ranks have more memory for each.
        if (!found_.nearest || verdict.share_of_memory < found_.nearest->verdict.share_of_memory)
          found_.nearest = Scored{space_->index(candidate), verdict};
        return;
      case Reason::bound: ++found_.pruned.bound; return;
      case Reason::unseen: return;
      case Reason::evaluated: ++found_.evaluations; keep({space_->index(candidate), verdict});
    }
  }

  void keep(const Scored& one) {
    const Verdict& verdict = one.verdict;
    const auto slower = [&](const Scored& other) { return other.verdict.step_time > verdict.step_time; };
    if (leaders_.add({verdict.kind, verdict.step_time, one}) == 0)
      found_.history.push_back({found_.evaluations, steady_now() - begun_, verdict.step_time});

    std::vector<Scored>& front = found_.front;
    const auto beaten_by = [](const Verdict& a, const Verdict& b) {
      return b.step_time <= a.step_time && b.peak <= a.peak;
    };
    if (std::ranges::any_of(front, [&](const Scored& c) { return beaten_by(verdict, c.verdict); })) return;
    std::erase_if(front, [&](const Scored& c) { return beaten_by(c.verdict, verdict); });
    front.insert(std::ranges::find_if(front, slower), one);
  }

  void tell_progress() {
    if (!options_->progress) return;
    const Seconds at = steady_now();
    if (at - told_ < kBetweenProgress) return;
    told_ = at;
    const auto share = [](auto part, auto whole) {
      return static_cast<double>(part) / static_cast<double>(whole);
    };
    const double done = std::max({share(seen(), space_->size()), share(found_.evaluations, options_->evals),
                                  (at - begun_) / options_->time_limit});
    options_->progress(std::min(done, 1.0),
                       fmt::format("{} plans tried; {}", found_.evaluations, incumbent()));
  }

  std::string incumbent() const {
    if (leaders_.all().empty()) return "none that fits yet";
    const Scored& best = leaders_.all().front().what;
    return fmt::format("best {:.3g} s: {}", best.verdict.step_time.value,
                       describe(std::get<workload::Job>(space_->decode(best.index)).plan, *space_));
  }

  const Space* space_;
  Evaluator* evaluator_;
  const Options* options_;
  Found found_;
  Leaders<Scored> leaders_;
  Seconds begun_, told_;
};

}  // namespace

Found search(const Space& space, Evaluator& evaluator, Searcher& searcher, const Options& options) {
  return Search(space, evaluator, options).run(searcher);
}

}  // namespace ds::tuner
