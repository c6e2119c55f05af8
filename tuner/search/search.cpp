// The loop: what is asked for is judged, kept if it is among the best, and told.
#include "tuner/search/search.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "simulator/base/steady_clock.h"

namespace ds::tuner {
namespace {

constexpr Seconds kBetweenProgress{0.05};
constexpr double kInstant = 1e-9;      // seconds
constexpr double kFewEvaluations = 3;  // say nothing of how long others take
// Candidates asked for at once, most of which break a rule. The more they are, the fewer have to be evaluated, since the best ones
// by their bounds come first; where the search may end before, few come first, so that something is soon there.
constexpr std::size_t kFirst = 1000, kMostAtOnce = 500'000;
// A method that learns asks for so many plans an evaluation, most of which their bounds settle; then it has had its share.
constexpr std::int64_t kAsksAnEvaluation = 20;

}  // namespace

Search::Search(const Space& space, Judge& judge, Searcher& searcher, Options options)
    : space_(&space),
      judge_(&judge),
      searcher_(&searcher),
      options_(std::move(options)),
      begun_(steady_now()),
      leaders_(options_.top) {}

void Search::run() {
  if (options_.study != nullptr) take_up();
  if (end_) return;
  std::int64_t judged_before = batches_;
  std::vector<Verdict> of_start;
  if (options_.start && batches_ == 0)
    of_start = judged(std::span(&*options_.start, 1), [this] { return stopped(); });
  const bool limited = options_.evals != Options{}.evals || options_.time_limit != Options{}.time_limit;
  const bool begins_small = options_.study != nullptr ? options_.study->begins_small() : limited;
  std::size_t at_once = begins_small ? kFirst : kMostAtOnce;
  std::optional<End> why;
  while (!(why = why_to_end())) {
    std::vector<Candidate> asked = searcher_->ask(at_once);
    const Rejections left_out = searcher_->left_out();
    if (judged_before == 0) count(left_out);
    if (asked.empty()) {
      why = why_to_end();
      break;
    }
    Index come_by = std::ssize(asked);
    for (const auto& [rejection, some] : left_out) come_by += some.count;
    asked_ += come_by;
    at_once = std::min(2 * at_once, kMostAtOnce);
    if (judged_before > 0) {
      --judged_before;
      continue;
    }
    if (options_.start && std::erase(asked, *options_.start) > 0 && !of_start.empty())
      searcher_->tell(std::span(&*options_.start, 1), of_start);  // counted already
    remaining_.begin(come_by, steady_now());
    const std::vector<Verdict> verdicts = judged(asked, [this] { return told_to_end().has_value(); });
    remaining_.end(steady_now());
    if (told_to_end()) continue;  // perhaps in the midst of it
    searcher_->tell(asked, verdicts);
    ++batches_;
    if (options_.study != nullptr && !searcher_->learns())
      options_.study->add_checkpoint({found(), batches_, false}, searched());
  }
  {
    const std::scoped_lock hold(lock_);
    end_ = why.value_or(End::no_more);
  }
  if (options_.study != nullptr) put_down();
}

/// What an earlier run has left.
void Search::take_up() {
  const std::optional<Checkpoint>& before = options_.study->checkpoint();
  if (!before) return;
  const std::scoped_lock hold(lock_);
  found_ = before->found;
  found_.top.clear();
  found_.front.clear();
  for (const Scored& one : before->found.top) leaders_.add({one.verdict.kind, one.verdict.step_time, one});
  for (const Scored& one : before->found.front) front_.add({{one.verdict.step_time, one.verdict.peak}, one});
  batches_ = before->batches;
  evaluated_before_ = found_.evaluations;
  if (before->ended) end_ = before->found.end;
}

void Search::put_down() {
  if ((end_ == End::seen_whole || end_ == End::evals || end_ == End::no_more) && !told_to_end())
    options_.study->add_checkpoint({found(), batches_, true}, searched());
  options_.study->finish();
}

Found Search::found() const {
  const std::scoped_lock hold(lock_);
  Found found = found_;
  for (const auto& one : leaders_.all()) found.top.push_back(one.what);
  for (const auto& one : front_.all()) found.front.push_back(one.what);
  if (!found.top.empty()) found.nearest.reset();
  found.end = end_ ? *end_ : why_to_end().value_or(End::stopped);
  found.front_is_whole = options_.front && found.optimal();
  return found;
}

std::vector<Verdict> Search::judged(std::span<const Candidate> candidates, std::function<bool()> enough) {
  Judging judging{
      .top = options_.top,
      .best = {},
      .front = {},
      .evals = options_.evals == Options{}.evals ? options_.evals : options_.evals - found_.evaluations,
      .enough = std::move(enough),
      .told =
          [&](std::size_t number, const Verdict& verdict) {
            {
              const std::scoped_lock hold(lock_);
              count(candidates[number], verdict);
            }
            if (options_.study != nullptr) options_.study->write_if_due();
            tell_progress();
          },
      .ahead = [&](std::int64_t looked_at,
                   std::int64_t open) { remaining_.judged(looked_at, open, steady_now()); },
      .dear = {},
      .known = {}};
  if (options_.study != nullptr) {
    judging.dear = [&](std::size_t number, const Verdict& verdict) {
      remember(space_->index(candidates[number]), verdict);
    };
    judging.known = [&](std::size_t number) {
      const StudyContent::Known* known = options_.study->known(space_->index(candidates[number]));
      return known != nullptr ? &known->verdict : nullptr;
    };
  }
  for (const auto& one : leaders_.all()) judging.best.push_back({one.kind, one.step_time});
  if (options_.front) {
    judging.front.emplace();
    for (const auto& one : front_.all()) judging.front->push_back(one.extent);
  }
  return judge_->evaluate(candidates, judging);
}

Index Search::seen() const {
  const Pruned& p = found_.pruned;
  return found_.evaluations + p.rule + p.memory + p.bound;
}

/// By this run and those before it.
Seconds Search::searched() const {
  const Seconds now = steady_now() - begun_;
  return options_.study != nullptr ? options_.study->seconds() + now : now;
}

bool Search::stopped() const { return options_.stop != nullptr && options_.stop->stop_requested(); }

std::optional<End> Search::told_to_end() const {
  if (stopped()) return End::stopped;
  return steady_now() - begun_ >= options_.time_limit ? std::optional(End::time_limit) : std::nullopt;
}

std::optional<End> Search::why_to_end() const {
  if (seen() == space_->size()) return End::seen_whole;
  const bool limited = options_.evals != Options{}.evals;
  if (found_.evaluations >= options_.evals ||
      (limited && searcher_->learns() && asked_ >= kAsksAnEvaluation * options_.evals))
    return End::evals;
  return told_to_end();
}

void Search::count(const Rejections& left_out) {
  const std::scoped_lock hold(lock_);
  for (const auto& [rejection, some] : left_out) {
    found_.pruned.rule += some.count;
    add(found_.rejections, rejection, some);
  }
}

void Search::count(const Candidate& candidate, const Verdict& verdict) {
  switch (verdict.reason) {
    case Reason::rule:
    case Reason::unsupported:
    case Reason::duplicate:
    case Reason::more_ranks_than_cores: {
      ++found_.pruned.rule;
      add(found_.rejections, verdict.rejection(), {1, space_->index(candidate)});
      return;
    }
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

void Search::keep(const Scored& one) {
  const Verdict& verdict = one.verdict;
  if (leaders_.add({verdict.kind, verdict.step_time, one}) == 0) {
    const StudyContent::Known* known = options_.study != nullptr ? options_.study->known(one.index) : nullptr;
    const Seconds at = known != nullptr ? known->at : searched();
    found_.history.push_back({found_.evaluations, at, verdict.step_time});
    if (options_.study != nullptr && known == nullptr) options_.study->add_best(one, found_.evaluations, at);
  }
  front_.add({{verdict.step_time, verdict.peak}, one});
}

/// Once it has been told to end, answers are left out, and a verdict may not be the one that it would have been.
void Search::remember(Index index, const Verdict& verdict) {
  if (told_to_end() || options_.study->known(index) != nullptr) return;
  options_.study->add(index, {verdict.reason, verdict.step_time, verdict.peak}, searched());
}

void Search::tell_progress() {
  if (!options_.progress) return;
  const Seconds at = steady_now();
  if (at - told_ < kBetweenProgress) return;
  told_ = at;
  const std::optional<Seconds> left_now = left();
  const double passed = (at - begun_).value;
  const double share = left_now ? passed / std::max(passed + left_now->value, kInstant) : 0;
  options_.progress(share, fmt::format("{} plans tried; {}", found_.evaluations, incumbent()));
}

/// Until the first of what may end it.
std::optional<Seconds> Search::left() const {
  const Seconds now = steady_now();
  std::optional<Seconds> left = remaining_.left(space_->size() - asked_, now);
  const auto or_sooner = [&](Seconds other) { left = std::min(left.value_or(other), other); };
  const auto evaluated = static_cast<double>(found_.evaluations - evaluated_before_);
  if (options_.evals != Options{}.evals && evaluated >= kFewEvaluations)
    or_sooner((now - begun_) * (static_cast<double>(options_.evals - found_.evaluations) / evaluated));
  if (options_.time_limit != Options{}.time_limit)
    or_sooner(std::max(Seconds{0}, options_.time_limit - (now - begun_)));
  return left;
}

std::string Search::incumbent() const {
  if (leaders_.all().empty()) return "none that fits yet";
  const Scored& best = leaders_.all().front().what;
  return fmt::format("best {:.3g} s: {}", best.verdict.step_time.value,
                     describe(std::get<workload::Job>(space_->decode(best.index)).plan, *space_));
}

Found search(const Space& space, Judge& judge, Searcher& searcher, const Options& options) {
  Search one(space, judge, searcher, options);
  one.run();
  return one.found();
}

}  // namespace ds::tuner
