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

Evaluator::Evaluator(const workload::Job& base, const cost::Profile& profile)
    : profile_(&profile), steps_(base), peaks_(base) {}
Evaluator::~Evaluator() = default;

Evaluator::Lowered& Evaluator::lowered(const workload::Job& candidate) {
  if (last_ && last_->plan == candidate.plan) return *last_;
  last_ = std::make_unique<Lowered>(
      Lowered{candidate.plan, cost::Machine(candidate, *profile_), program::lower(candidate), {}, {}});
  last_->layouts = engine::layouts_of(last_->program);
  for (std::size_t c = 0; c < last_->layouts.size(); ++c)
    last_->peak =
        std::max(last_->peak, engine::needs_of(last_->program, c, last_->layouts[c], candidate).total());
  return *last_;
}

std::optional<Seconds> Evaluator::estimated(const workload::Job& candidate) {
  if (!last_estimated_ || !(last_estimated_->plan == candidate.plan))
    last_estimated_ = Estimated{candidate.plan, steps_.step_time(candidate.plan)};
  return last_estimated_->step_time;
}

Bytes Evaluator::peak(const workload::Job& candidate) {
  if (const std::optional<Bytes> peak = peaks_.peak(candidate)) return *peak;
  return lowered(candidate).peak;
}

std::optional<Seconds> Evaluator::bound(const workload::Job& candidate) {
  if (estimated(candidate)) return std::nullopt;
  const Lowered& all = lowered(candidate);
  return engine::bound(all.program, engine::price(all.program, candidate, all.machine));
}

Verdict Evaluator::evaluate(const workload::Job& candidate) {
  Verdict verdict{.peak = peak(candidate)};
  verdict.fits =
      static_cast<double>(verdict.peak.value) <= candidate.cluster.groups.front().node.memory_bytes_per_gpu;
  if (const std::optional<Seconds> step_time = estimated(candidate)) {
    verdict.step_time = *step_time;
  } else {
    const Lowered& all = lowered(candidate);
    verdict.step_time =
        engine::analyse(all.program, engine::price(all.program, candidate, all.machine)).step_time;
  }
  return verdict;
}

}  // namespace ds::tuner
