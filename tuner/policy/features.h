#pragma once
// A plan in numbers, for a network: ratios and logarithms, so that what holds of one model, machine and scale may hold of another.

#include <span>
#include <string_view>
#include <vector>

#include "simulator/workload/job.h"
#include "tuner/space/outlook.h"

namespace ds::tuner {

/// Names of the numbers, in their order.
std::span<const std::string_view> feature_names();

/// `job`: complete, with the plan; `glance`: what is known of it at once. As many as there are names.
std::vector<float> features_of(const workload::Job& job, const Glance& glance);

}  // namespace ds::tuner
