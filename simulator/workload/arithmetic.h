#pragma once
// Which number formats a GPU computes in, and how fast at best.

#include <algorithm>

#include "simulator/workload/job.h"

namespace ds::workload {

/// Dense FLOPs a second of matrix products in a training precision, by the datasheet; 0 where the GPU has no such
/// arithmetic.
constexpr double training_flops_per_s(const Gpu& gpu, Precision precision) {
  switch (precision) {
    case Precision::fp64:
    case Precision::fp32: return gpu.fp32_flops_per_s;
    case Precision::tf32: return gpu.tf32_flops_per_s;
    case Precision::fp16: return gpu.fp16_flops_per_s;
    case Precision::bf16:
    case Precision::dynamic: return gpu.bf16_flops_per_s;
    case Precision::fp8: return gpu.fp8_flops_per_s;
  }
  return 0;
}

/// Whether every GPU of the job's cluster does.
inline bool computes_in(const Job& job, Precision precision) {
  return std::ranges::all_of(job.cluster.groups, [&](const NodeGroup& group) {
    return training_flops_per_s(group.node.accelerator, precision) > 0;
  });
}

}  // namespace ds::workload
