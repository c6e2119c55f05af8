#include "tuner/space/evaluator.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "simulator/engine/predict.h"

namespace ds::tuner {

struct Evaluator::Lowered {
  workload::Plan plan;
  cost::Machine machine;
  program::Program program;
  std::vector<memory::Layout> layouts;
  Bytes peak;
};

Evaluator::Evaluator(const workload::Job& base, const cost::Profile& profile, std::size_t threads)
    : profile_(&profile), estimator_(base, threads) {}
Evaluator::~Evaluator() = default;

Evaluator::Lowered& Evaluator::lowered(const workload::Job& candidate) {
  if (last_ && last_->plan == candidate.plan) return *last_;
  last_ = std::make_unique<Lowered>(
      Lowered{candidate.plan, cost::Machine(candidate, *profile_), program::lower(candidate), {}, {}});
  if (candidate.habits.allocator == "arena") last_->layouts = engine::layouts_of(last_->program);
  for (const memory::Parts& parts : engine::needs_of(last_->program, last_->layouts, candidate))
    last_->peak = std::max(last_->peak, parts.total());
  return *last_;
}

void Evaluator::prepare(std::vector<workload::Plan> plans, const std::function<bool()>& enough) {
  plans_ = std::move(plans);
  estimates_.resize(plans_.size());
  estimator_.estimate(plans_, estimates_, enough);
  at_ = 0;
}

const Estimate& Evaluator::estimated(const workload::Plan& plan) {
  for (const std::size_t next : {at_, at_ + 1})
    if (next < plans_.size() && plans_[next] == plan) return estimates_[at_ = next];
  prepare({plan});
  return estimates_.front();
}

Bytes Evaluator::peak(const workload::Job& candidate) {
  if (const std::optional<Bytes> peak = estimated(candidate.plan).peak) return *peak;
  return lowered(candidate).peak;
}

std::optional<Seconds> Evaluator::bound(const workload::Job& candidate) {
  if (estimated(candidate.plan).step_time) return std::nullopt;
  const Lowered& all = lowered(candidate);
  return engine::bound(all.program, engine::price(all.program, all.machine));
}

Verdict Evaluator::evaluate(const workload::Job& candidate) {
  Verdict verdict{.peak = peak(candidate)};
  verdict.fits =
      static_cast<double>(verdict.peak.value) <= candidate.cluster.groups.front().node.memory_bytes_per_gpu;
  if (const std::optional<Seconds> step_time = estimated(candidate.plan).step_time) {
    verdict.step_time = *step_time;
  } else {
    const Lowered& all = lowered(candidate);
    verdict.step_time = engine::analyse(all.program, engine::price(all.program, all.machine)).step_time;
  }
  return verdict;
}

}  // namespace ds::tuner
