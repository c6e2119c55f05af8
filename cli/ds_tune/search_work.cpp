// Runs a search beside the thread that asked for it, and looks at what it has found when that one waits no longer.
#include "cli/ds_tune/search_work.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <span>
#include <utility>
#include <variant>

#include "cli/session/beside.h"
#include "simulator/base/steady_clock.h"
#include "simulator/engine/predict.h"
#include "simulator/workload/settle.h"
#include "simulator/workload/supported.h"
#include "tuner/search/forecast.h"

namespace ds::cli {
namespace {

/// What may be waited for beyond --time-limit: the best plan by events is worth that much, others where they fit in.
constexpr Seconds kGrace{0.5};
/// And as long as no plan has been found at all.
constexpr Seconds kGraceOfFirst{2};
/// And after a stop, for what is under way to see it.
constexpr Seconds kGraceOfStop{0.2};
/// What people want to be told of before.
constexpr Seconds kLong{10};

/// To two digits.
tuner::Index rounded(tuner::Index count) {
  tuner::Index unit = 1;
  while (count / unit >= 100) unit *= 10;
  return (count + unit / 2) / unit * unit;
}

Judged judged(const tuner::Space& space, const tuner::Scored& one) {
  return {std::get<workload::Job>(space.decode(one.index)).plan, one.verdict, std::nullopt};
}

}  // namespace

SearchWork::SearchWork(const workload::Job& base, std::optional<workload::Job> own, cost::Profile profile,
                       const tuner::Constraints& constraints, std::size_t threads)
    : own_(std::move(own)),
      profile_(std::move(profile)),
      space_(tuner::read_space(base, constraints)),
      threads_(threads),
      evaluator_(space_, profile_, threads),
      start_(own_ ? space_.find(own_->plan) : std::nullopt) {}

bool SearchWork::enough() const { return stop_->stop_requested() || steady_now() > until_; }

bool SearchWork::waits_no_longer() {
  const Seconds now = steady_now();
  if (stop_->stop_requested() && !stopped_at_) stopped_at_ = now;
  if (stopped_at_ && now > *stopped_at_ + kGraceOfStop) return true;
  return now > until_ && (now > until_ + kGraceOfFirst || !search_->found().top.empty());
}

tuner::Found SearchWork::search(const std::shared_ptr<SearchWork>& work, const tuner::Method& method,
                                const SearchLimits& limits, terminal::ProgressLine& line) {
  const Seconds limit{limits.time_limit_s.value_or(std::numeric_limits<double>::infinity())};
  work->stop_ = &limits.stop;
  work->until_ = steady_now() + limit + kGrace;
  work->line_ = &line;
  work->searcher_ = method.make({.space = work->space_,
                                 .outlook = work->evaluator_,
                                 .seed = work->space_.base().seed,
                                 .evals = limits.evals.value_or(std::numeric_limits<std::int64_t>::max()),
                                 .parameters = {}});
  work->search_ = std::make_unique<tuner::Search>(
      work->space_, work->evaluator_, *work->searcher_,
      tuner::Options{.start = work->start_,
                     .evals = limits.evals.value_or(std::numeric_limits<std::int64_t>::max()),
                     .time_limit = limit,
                     .top = limits.top,
                     .front = limits.front,
                     .stop = &limits.stop,
                     .study = work->study_ ? &*work->study_ : nullptr,
                     .progress = [self = work.get()](double share, std::string_view what) {
                       const std::scoped_lock hold(self->lock_);
                       if (self->line_ != nullptr) self->line_->update(share, what);
                     }});
  work->idle_ = run_beside(
      [work, limits] {
        if (limits.announced) work->announce(limits);
        work->search_->run();
      },
      [&] { return work->waits_no_longer(); });
  if (work->study_) work->study_->finish();
  const std::scoped_lock hold(work->lock_);
  work->line_ = nullptr;
  line.finish();
  return work->search_->found();
}

SearchWork::Judgements SearchWork::judge(const std::shared_ptr<SearchWork>& work, const tuner::Found& found) {
  for (const tuner::Scored& one : found.top) work->judgements_.top.push_back(judged(work->space_, one));
  for (const tuner::Scored& one : found.front) work->judgements_.front.push_back(judged(work->space_, one));
  if (work->idle_ && !work->stop_->stop_requested())
    run_beside(
        [work] {
          work->judge_own();
          work->judge_by_events();
        },
        [&] { return work->waits_no_longer(); });
  const std::scoped_lock hold(work->lock_);
  return work->judgements_;
}

/// Before a long search, what it will take.
void SearchWork::announce(const SearchLimits& limits) {
  const Seconds limit{limits.time_limit_s.value_or(std::numeric_limits<double>::infinity())};
  const tuner::Found before = search_->found();
  if (limit < kLong || (study_ && study_->checkpoint() && study_->checkpoint()->ended)) return;
  const tuner::Pruned& pruned = before.pruned;
  const tuner::Index seen = before.evaluations + pruned.rule + pruned.memory + pruned.bound;
  const auto expected = tuner::forecast(
      space_, evaluator_,
      {.evals = limits.evals.value_or(tuner::Options{}.evals), .enough = [this] { return enough(); }});
  if (!expected) return;
  const double unseen = 1 - static_cast<double>(seen) / static_cast<double>(space_.size());
  const Seconds time = std::min(limit, expected->time * unseen);
  if (time < kLong) return;
  const std::scoped_lock hold(lock_);
  if (line_ != nullptr)
    line_->say(fmt::format(
        "ds: {} combinations, about {} of them plans: it takes about {} on {}, and {} of memory",
        terminal::exact(space_.size()), terminal::exact(rounded(expected->plans)), terminal::duration(time),
        threads_ == 1 ? "one core" : fmt::format("{} cores", threads_), terminal::bytes(expected->memory)));
}

void SearchWork::judge_own() {
  if (!own_) return;
  const tuner::Verdict verdict =
      evaluator_
          .evaluate(std::span(&own_->plan, 1),
                    {.too_large_ones = true, .enough = [this] { return enough(); }})
          .front();
  if (verdict.reason == tuner::Reason::unseen) return;
  const std::scoped_lock hold(lock_);
  judgements_.baseline = Judged{own_->plan, verdict, std::nullopt};
}

/// From the best on, as long as there is time for one more that takes as long as the longest so far.
void SearchWork::judge_by_events() {
  if (study_ && study_->events() && study_->events()->size() == judgements_.top.size()) {
    const std::scoped_lock hold(lock_);
    for (std::size_t i = 0; i < judgements_.top.size(); ++i)
      judgements_.top[i].event = study_->events()->at(i);
    judgements_.complete = true;
    return;
  }
  Seconds longest{0};
  for (Judged& one : judgements_.top) {
    const Seconds begun = steady_now();
    if (stop_->stop_requested() || begun + longest > until_) return;
    const std::optional<AtEventDepth> event = at_event_depth(one.plan);
    const std::scoped_lock hold(lock_);
    one.event = event;
    longest = std::max(longest, steady_now() - begun);
  }
  if (study_) {
    tuner::Events events;
    for (const Judged& one : judgements_.top) events.push_back(one.event);
    study_->add_events(events);
    study_->finish();
  }
  const std::scoped_lock hold(lock_);
  judgements_.complete = true;
}

/// Nothing where the step is too long to be played.
std::optional<AtEventDepth> SearchWork::at_event_depth(const workload::Plan& plan) const {
  workload::Job job = space_.base();
  job.plan = plan;
  workload::settle(job);
  if (!workload::playable(job)) return std::nullopt;
  const engine::Prediction prediction =
      engine::predict(job, cost::Machine(job, profile_), workload::Depth::event, engine::Rows::none);
  return AtEventDepth{prediction.summary.step_time, prediction.sigma, prediction.summary.parts};
}

}  // namespace ds::cli
