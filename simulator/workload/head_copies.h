#pragma once
// More tensor-parallel ranks than heads of keys and values: several have the same ones, each with queries of its own.

#include <algorithm>
#include <cstdint>

#include "simulator/workload/job.h"

namespace ds::workload {

/// Tensor-parallel ranks in a row that have the same heads of keys and values; 1 where each has its own. The rules see to it
/// that one of tp and kv_heads divides the other.
constexpr std::int64_t head_copies(const Model& model, const Plan& plan) {
  return model.mla ? 1 : std::max<std::int64_t>(plan.tp / model.kv_heads, 1);
}

}  // namespace ds::workload
