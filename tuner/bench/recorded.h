#pragma once
// A judge at event depth that remembers, so that methods which are compared share what has been computed. Nothing is cut by a
// bound: each plan that fits and is asked for counts as an evaluation.

#include <map>
#include <span>
#include <vector>

#include "tuner/space/event_judge.h"

namespace ds::tuner {

class RecordedJudge : public Judge {
 public:
  RecordedJudge(const Space& space, const cost::Profile& profile, std::size_t threads)
      : judge_(space, profile, threads) {}

  std::vector<Glance> look(std::span<const Candidate> candidates) override { return judge_.look(candidates); }
  std::vector<Verdict> evaluate(std::span<const Candidate> candidates, const Judging& judging = {}) override;

  /// Of all that have been asked for.
  const std::map<Candidate, Verdict>& known() const { return known_; }

 private:
  EventJudge judge_;
  std::map<Candidate, Verdict> known_;
};

}  // namespace ds::tuner
