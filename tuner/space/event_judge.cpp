// What fits is ordered by its step at analytic depth, and played as long as that may still be among the best.
#include "tuner/space/event_judge.h"

#include <algorithm>
#include <variant>

#include "simulator/workload/supported.h"
#include "tuner/space/standing.h"

namespace ds::tuner {

EventJudge::EventJudge(const Space& space, const cost::Profile& profile, std::size_t threads)
    : space_(&space), pool_(threads), analytic_(space, profile, threads), steps_(profile) {}

Seconds EventJudge::step_time(const Candidate& candidate, Seconds analytic) {
  const auto job = std::get<workload::Job>(space_->decode(candidate));
  return workload::playable(job) ? steps_.step_time(job) : analytic;
}

std::vector<Verdict> EventJudge::evaluate(std::span<const Candidate> candidates, const Judging& judging) {
  // No limits on evaluations there; and what cuts a plan has to be a step at event depth, and none at analytic depth.
  std::vector<Verdict> verdicts = analytic_.evaluate(candidates, {.enough = judging.enough});

  Standing standing(judging);
  std::vector<std::size_t> order;
  const auto tell = [&](std::size_t i) {
    if (judging.told && verdicts[i].reason != Reason::unseen) judging.told(i, verdicts[i]);
  };
  for (std::size_t i = 0; i < verdicts.size(); ++i)
    if (verdicts[i].reason == Reason::evaluated)
      order.push_back(i);
    else
      tell(i);
  const bool limited = judging.evals != Judging{}.evals;
  if (!limited) std::ranges::stable_sort(order, {}, [&](std::size_t i) { return verdicts[i].step_time; });

  std::int64_t evaluated = 0;
  for (std::size_t next = 0; next < order.size();) {
    // As many at a time whatever the threads, so that the same plans are played.
    constexpr std::size_t kAtOnce = 8;
    std::vector<std::size_t> wave;
    for (; next < order.size() && wave.size() < kAtOnce; ++next) {
      const std::size_t i = order[next];
      Verdict& verdict = verdicts[i];
      if (evaluated + std::ssize(wave) >= judging.evals || (judging.enough && judging.enough())) {
        verdict = {.reason = Reason::unseen, .path = {}, .kind = {}};
      } else if (standing.beats(verdict.kind, verdict.step_time, verdict.peak)) {
        verdict.reason = Reason::bound;
        tell(i);
      } else {
        wave.push_back(i);
      }
    }
    pool_.share(wave.size(), [&](std::size_t number, std::size_t /*member*/) {
      Verdict& verdict = verdicts[wave[number]];
      verdict.step_time = step_time(candidates[wave[number]], verdict.step_time);
    });
    for (const std::size_t i : wave) {
      standing.add(verdicts[i]);
      tell(i);
    }
    evaluated += std::ssize(wave);
  }
  return verdicts;
}

}  // namespace ds::tuner
