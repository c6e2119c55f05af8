// Power of a node by its rating and its GPUs; energy by how long they compute.
#include "simulator/run/power.h"

#include <algorithm>

#include "simulator/run/published.h"

namespace ds::run {
namespace {

constexpr double kJoulesPerKwh = 3.6e6;

}  // namespace

std::optional<Power> power_of(const workload::Node& node) {
  const double gpus = static_cast<double>(node.gpus_per_node) * node.accelerator.tdp_w;
  if (gpus <= 0) return std::nullopt;
  const PublishedPower& published = published_power();
  const double rated = node.max_node_w > 0 ? node.max_node_w : gpus * published.rated_of_gpus.value;
  const double at_work = rated * published.at_work_of_rated.value;
  // GPUs of a node that is rated low cannot draw more than all of it does.
  const double falls_by = std::min(gpus, at_work) * (1 - published.idle_of_tdp.value);
  return Power{.at_work_w = at_work, .waiting_w = at_work - falls_by};
}

double energy_kwh(const Power& power, const Duty& duty, Seconds wall, double pue) {
  const double computing = (duty.shares.useful + duty.shares.again) * duty.busy;
  const double node = power.waiting_w + computing * (power.at_work_w - power.waiting_w);
  const double watts = duty.nodes * node + duty.spare_nodes * power.waiting_w;
  return watts * wall.value * pue / kJoulesPerKwh;
}

}  // namespace ds::run
