#include "tuner/estimate/step_estimator.h"

#include <algorithm>
#include <span>
#include <unordered_map>
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
         ((!plan.stage_layers_given && base.model.layers >= plan.pp * plan.vpp) ||
          std::ranges::all_of(plan.stage_layers, [](const std::vector<std::int64_t>& chunks) {
            return std::ranges::all_of(chunks, [](std::int64_t layers) { return layers > 0; });
          }));
}

/// Where not given, the number of chunks says how layers are split.
bool split_alike(const Plan& a, const Plan& b) {
  return (!a.stage_layers_given && !b.stage_layers_given) || a.stage_layers == b.stage_layers;
}

}  // namespace

struct StepEstimator::Impl {
  explicit Impl(Job job) : base(std::move(job)), models(base) {}

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

namespace {

/// Plans whose steps are gone through together.
struct Group {
  Shape shape;
  std::vector<Steps::Entry> entries;
};
struct ShapeHash {
  std::size_t operator()(const std::pair<Shape, bool>& key) const {
    const Shape& shape = key.first;
    std::size_t hash = static_cast<std::size_t>(shape.schedule);
    for (const std::int32_t part : {shape.stages, shape.chunks, shape.micro_batches, std::int32_t{key.second}})
      hash = hash * 1'000'003U + static_cast<std::size_t>(part);
    return hash;
  }
};

}  // namespace

void StepEstimator::step_times(std::span<const Plan> plans, std::span<std::optional<Seconds>> seconds) {
  std::vector<Group> groups;  // in the order in which they come, so that all runs do the same
  std::unordered_multimap<std::pair<Shape, bool>, std::size_t, ShapeHash> groups_of;
  const auto group_of = [&](const Shape& shape, const Plan& plan) -> Group& {
    const std::pair key(shape, plan.overlap.p2p);
    const auto [first, last] = groups_of.equal_range(key);
    for (auto found = first; found != last; ++found)
      if (split_alike(*groups[found->second].entries.front().plan, plan)) return groups[found->second];
    groups_of.emplace(key, groups.size());
    return groups.emplace_back(shape);
  };
  for (std::size_t i = 0; i < plans.size(); ++i) {
    const Plan& plan = plans[i];
    seconds[i] = std::nullopt;
    if (!covered(impl_->base, plan)) continue;
    const std::int64_t micro_batches = impl_->base.train.global_batch / (plan.dp * plan.micro_batch);
    const auto& [passes, passes_number] = impl_->models.passes_of(plan, micro_batches);
    const std::optional<UpdateModel>& updates = impl_->models.updates_of(plan);
    if (!passes || !updates) continue;
    const Shape shape{.schedule = plan.schedule,
                      .stages = static_cast<std::int32_t>(plan.pp),
                      .chunks = static_cast<std::int32_t>(plan.vpp),
                      .micro_batches = static_cast<std::int32_t>(micro_batches)};
    group_of(shape, plan)
        .entries.push_back({.plan = &plan,
                            .passes = &*passes,
                            .updates = &*updates,
                            .more_losses = impl_->models.more_losses(plan, micro_batches),
                            .passes_number = passes_number,
                            .number = i});
  }
  for (Group& group : groups) impl_->steps.run(group.shape, group.entries, seconds);
}

}  // namespace ds::tuner
