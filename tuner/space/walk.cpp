// A rule is asked of the first combination of a run, and answers for all of it.
#include "tuner/space/walk.h"

#include <algorithm>
#include <utility>

namespace ds::tuner {
namespace {

/// How many consecutive combinations share what the rule reads; 1: that is not known.
Index run_of(const workload::Rule& rule, const Space& space) {
  if (!rule.reads_few()) return 1;
  const auto reads = [&](std::string_view name) {
    return std::ranges::find(rule.reads, name) != rule.reads.end();
  };
  for (const workload::PlanKey* key : space.following())
    if (reads(key->name)) return 1;
  Index run = 1;
  for (auto d = space.dimensions().rbegin(); d != space.dimensions().rend() && !reads(d->key->name); ++d)
    run *= std::ssize(d->values);
  return run;
}

}  // namespace

void add(Rejections& all, const Rejection& why, const Rejected& some) {
  Rejected& so_far = all.try_emplace(why, Rejected{0, some.first}).first->second;
  so_far.count += some.count;
  so_far.first = std::min(so_far.first, some.first);
}

Walk::Walk(const Space& space) : space_(&space), job_(space.base()) {
  for (const workload::Rule& rule : workload::rules())
    if (const Index run = run_of(rule, space); run > 1) cuts_.push_back({&rule, run});
}

Index Walk::next(Index from, Index end) {
  while (from < end) {
    if (!cuts_.empty()) space_->put(space_->candidate(from), job_.plan);
    const auto cut = std::ranges::find_if(cuts_, [&](const Cut& one) { return !one.rule->keeps(job_); });
    if (cut == cuts_.end()) return from;
    const Index behind = std::min(end, (from / cut->run + 1) * cut->run);
    // The first one may break a rule above, which is then what people are told.
    const auto first = workload::first_violation(job_);
    add(passed_, {Reason::rule, first ? first->rule->path : cut->rule->path}, {behind - from, from});
    from = behind;
  }
  return end;
}

Rejections Walk::passed_over() { return std::exchange(passed_, {}); }

}  // namespace ds::tuner
