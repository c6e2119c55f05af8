#include "tuner/estimate/step_estimator.h"

#include <algorithm>
#include <array>
#include <map>
#include <span>
#include <tuple>
#include <utility>
#include <vector>

#include "tuner/estimate/models.h"
#include "tuner/estimate/steps.h"

namespace ds::tuner {
namespace {

using workload::Job;
using workload::Plan;
using workload::Schedule;

bool known(Schedule schedule) {
  return schedule == Schedule::gpipe || schedule == Schedule::one_f_one_b ||
         schedule == Schedule::interleaved;
}

/// Neighbours in the pipeline are equally far from each other everywhere: in one node, or each in another one.
bool evenly_far(const Plan& plan, std::int64_t per_node) {
  const std::int64_t stride = plan.tp * plan.cp * plan.dp;
  return plan.pp == 1 || stride % per_node == 0 || stride * plan.pp <= per_node;
}

bool covered(const Job& base, const Plan& plan) {
  const bool pipeline_last = plan.placement.size() >= 2 && plan.placement.ends_with("pp");
  return !base.cluster.cpu() && base.cluster.groups.size() == 1 && known(plan.schedule) &&
         (plan.pp > 1 || plan.vpp == 1) && plan.cp == 1 && plan.tp * plan.dp * plan.pp > 1 && pipeline_last &&
         evenly_far(plan, base.cluster.groups.front().node.gpus_per_node) &&
         std::ranges::all_of(plan.stage_layers, [](const std::vector<std::int64_t>& chunks) {
           return std::ranges::all_of(chunks, [](std::int64_t layers) { return layers > 0; });
         });
}

}  // namespace

struct StepEstimator::Impl {
  explicit Impl(Job job) : base(std::move(job)), models(base) {}

  /// Plans of one shape that wait for others.
  struct Group {
    std::array<Steps::Entry, kLanes> entries;
    std::array<std::size_t, kLanes> numbers{};
    std::size_t count{};
  };
  using GroupKey = std::tuple<Shape, bool>;

  void finish(const Shape& shape, Group& group, std::span<std::optional<Seconds>> seconds) {
    std::array<double, kLanes> times{};
    const bool went = steps.run(shape, std::span(group.entries).first(group.count), times);
    for (std::size_t lane = 0; lane < group.count; ++lane)
      seconds[group.numbers[lane]] = went ? std::optional(Seconds{times[lane]}) : std::nullopt;
    group.count = 0;
  }

  Job base;
  Models models;
  Steps steps;
};

StepEstimator::StepEstimator(const Job& base) : impl_(std::make_unique<Impl>(base)) {}
StepEstimator::~StepEstimator() = default;

std::optional<Seconds> StepEstimator::step_time(const Plan& plan) {
  std::optional<Seconds> seconds;
  step_times(std::span(&plan, 1), std::span(&seconds, 1));
  return seconds;
}

void StepEstimator::step_times(std::span<const Plan> plans, std::span<std::optional<Seconds>> seconds) {
  std::map<Impl::GroupKey, Impl::Group> groups;
  for (std::size_t i = 0; i < plans.size(); ++i) {
    const Plan& plan = plans[i];
    seconds[i] = std::nullopt;
    if (!covered(impl_->base, plan)) continue;
    const std::int64_t micro_batches = impl_->base.train.global_batch / (plan.dp * plan.micro_batch);
    const std::optional<PassModel>& passes = impl_->models.passes_of(plan, micro_batches);
    const std::optional<UpdateModel>& updates = impl_->models.updates_of(plan);
    if (!passes || !updates) continue;
    const Shape shape{.schedule = plan.schedule,
                      .stages = static_cast<std::int32_t>(plan.pp),
                      .chunks = static_cast<std::int32_t>(plan.vpp),
                      .micro_batches = static_cast<std::int32_t>(micro_batches)};
    Impl::Group& group = groups[{shape, plan.overlap.p2p}];
    if (group.count > 0 && group.entries[0].plan->stage_layers != plan.stage_layers)
      impl_->finish(shape, group, seconds);
    group.entries[group.count] = {&plan, &*passes, &*updates, impl_->models.more_losses(plan, micro_batches)};
    group.numbers[group.count++] = i;
    if (group.count == kLanes) impl_->finish(shape, group, seconds);
  }
  for (auto& [key, group] : groups)
    if (group.count > 0) impl_->finish(std::get<Shape>(key), group, seconds);
}

}  // namespace ds::tuner
