#pragma once
// Goes through a space by number and passes over, at once, whole runs of combinations that break the same rule: where a rule reads
// few keys, all that share these break it alike. Of 92 million combinations for a trillion parameters less than one in a hundred is a
// plan.
//
//   Walk walk(space);
//   for (Index i = walk.next(0, space.size()); i < space.size(); i = walk.next(i + 1, space.size())) ...   // perhaps a plan
//   walk.passed_over()   // all others, by rule

#include <map>
#include <vector>

#include "simulator/workload/rules.h"
#include "tuner/space/space.h"

namespace ds::tuner {

/// Candidates that are no plans for one reason: how many, and the first of them by number.
struct Rejected {
  Index count{}, first{};
};
using Rejections = std::map<Rejection, Rejected>;
/// Adds some more.
void add(Rejections& all, const Rejection& why, const Rejected& some);

/// For one thread. The space has to outlive it.
class Walk {
 public:
  explicit Walk(const Space& space);

  /// The first at `from` or behind it that breaks none of these rules; `end` where there is none before. Others may still forbid it.
  Index next(Index from, Index end);

  /// Those since it was asked last.
  Rejections passed_over();

 private:
  /// So many consecutive combinations, the first of which has a multiple of that as its number, share what the rule reads.
  struct Cut {
    const workload::Rule* rule;
    Index run;
  };

  const Space* space_;
  workload::Job job_;
  std::vector<Cut> cuts_;  // in the order of the rules
  Rejections passed_;
};

}  // namespace ds::tuner
