#pragma once
// What of a plan decides in which order its stages make their passes.

#include <compare>
#include <cstdint>

#include "simulator/program/program.h"
#include "simulator/workload/job.h"
#include "simulator/workload/layer_kinds.h"

namespace ds::tuner {

struct Shape {
  workload::Schedule schedule{};
  std::int32_t stages{1}, chunks{1}, micro_batches{1};
  auto operator<=>(const Shape&) const = default;
};

inline Shape shape_of(const workload::Job& base, const workload::Plan& plan) {
  return {.schedule = plan.schedule,
          .stages = static_cast<std::int32_t>(plan.pp),
          .chunks = static_cast<std::int32_t>(plan.vpp),
          .micro_batches = static_cast<std::int32_t>(base.micro_batches_of(plan))};
}

/// Schedules that estimates go through; of others the backward is cut.
constexpr bool known(workload::Schedule schedule) {
  using enum workload::Schedule;
  return schedule == gpipe || schedule == one_f_one_b || schedule == interleaved;
}

/// What both estimates, of step time and of memory, ask of a plan: that a probe with a layer or two stands for it.
inline bool probes_serve(const workload::Job& base, const workload::Plan& plan) {
  return known(plan.schedule) && !base.cluster.cpu() && base.model.mtp_layers == 0 &&
         workload::layers_are_alike(base.model, base.train.sequence_length) &&
         program::passes_are_alike(plan) && plan.recompute != workload::Recompute::layers &&
         (plan.zero == 0 || plan.zero_group == plan.dp);
}

}  // namespace ds::tuner
