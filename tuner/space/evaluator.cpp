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

Evaluator::Evaluator(const workload::Job&, const cost::Profile& profile) : profile_(&profile) {}
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

Bytes Evaluator::peak(const workload::Job& candidate) { return lowered(candidate).peak; }

Seconds Evaluator::bound(const workload::Job& candidate) {
  const Lowered& all = lowered(candidate);
  return engine::bound(all.program, engine::price(all.program, candidate, all.machine));
}

Verdict Evaluator::evaluate(const workload::Job& candidate) {
  const Lowered& all = lowered(candidate);
  const engine::Prediction p = engine::predict(all.program, all.layouts, candidate, all.machine,
                                               workload::Depth::analytic, engine::Rows::none);
  const double capacity = candidate.cluster.groups.front().node.memory_bytes_per_gpu;
  return {.step_time = p.summary.step_time,
          .peak = p.peak,
          .fits = static_cast<double>(p.peak.value) <= capacity,
          .sigma = p.sigma};
}

}  // namespace ds::tuner
