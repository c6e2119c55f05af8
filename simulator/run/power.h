#pragma once
// What nodes draw, and the energy of a run. Watts inside, kilowatt-hours outside.

#include <optional>

#include "simulator/base/units.h"
#include "simulator/run/failures.h"
#include "simulator/workload/job.h"

namespace ds::run {

/// Of one node.
struct Power {
  double at_work_w{};  // all of its GPUs compute
  double waiting_w{};  // none of them does
};

/// None where nobody says what its GPUs draw.
std::optional<Power> power_of(const workload::Node& node);

/// How nodes spend a run: all wait while the job restarts and saves, and at work for what of a step is no computing.
struct Duty {
  double nodes{}, spare_nodes{};  // spare ones wait
  Shares shares;                  // of the wall time
  double busy{};                  // share of a step in which GPUs compute
};

/// `pue`: what the building takes over what its machines take, at least 1.
double energy_kwh(const Power& power, const Duty& duty, Seconds wall, double pue);

}  // namespace ds::run
