// What is not known yet is asked for at once, and then told in order.
#include "tuner/bench/recorded.h"

namespace ds::tuner {

std::vector<Verdict> RecordedJudge::evaluate(std::span<const Candidate> candidates, const Judging& judging) {
  std::vector<Verdict> verdicts(candidates.size(), {.reason = Reason::unseen, .path = {}, .kind = {}});
  constexpr std::size_t kAtOnce = 8;
  std::int64_t evaluated = 0;
  for (std::size_t next = 0; next < candidates.size() && evaluated < judging.evals;) {
    std::vector<Candidate> unknown;
    const std::size_t end = std::min(candidates.size(), next + kAtOnce);
    for (std::size_t i = next; i < end; ++i)
      if (!known_.contains(candidates[i])) unknown.push_back(candidates[i]);
    if (!unknown.empty()) {
      const std::vector<Verdict> made = judge_.evaluate(unknown);
      for (std::size_t i = 0; i < unknown.size(); ++i) known_.emplace(unknown[i], made[i]);
    }
    for (; next < end && evaluated < judging.evals; ++next) {
      verdicts[next] = known_.at(candidates[next]);
      if (verdicts[next].reason == Reason::evaluated) ++evaluated;
      if (judging.told) judging.told(next, verdicts[next]);
    }
  }
  return verdicts;
}

}  // namespace ds::tuner
