#pragma once
// What no step of a plan is faster than, without knowing who waits for whom.

#include "simulator/base/units.h"
#include "simulator/engine/plan_stages.h"
#include "simulator/engine/step_form.h"

namespace ds::engine {

/// The busiest stage's work; where passes are not cut or merged, with the first forward on its way to that stage and the last
/// backward on its way from it.
/// `calls`: of all stages, where a schedule runs two pipelines.
Seconds bound_of(const PlanStages& plan, const StepOrder& order, const Orders::Calls* calls);

}  // namespace ds::engine
