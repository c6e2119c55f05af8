#pragma once
// Private to the table of plan keys: which values are worth a try on a model and a cluster, for the default space of a search.

#include <cstdint>
#include <vector>

#include "simulator/workload/job.h"

namespace ds::workload {

// A degree may be what divides the ranks, or on CPUs with as many ranks as one likes, each number up to `cores`.
std::vector<std::int64_t> tensor_degrees(const Job& job, std::int64_t cores);    // up to model.heads
std::vector<std::int64_t> pipeline_degrees(const Job& job, std::int64_t cores);  // up to model.layers
std::vector<std::int64_t> data_degrees(const Job& job, std::int64_t cores);      // up to train.global_batch

/// The job's own, unless its sequences are long: then as many as leave each rank half of what is rarely shared out.
std::vector<std::int64_t> context_degrees(const Job& job, std::int64_t cores);
/// Those that divide model.moe.experts.
std::vector<std::int64_t> expert_degrees(const Job& job, std::int64_t cores);

/// Chunks of equal size, and up to four of any.
std::vector<std::int64_t> chunk_counts(const Job& job, std::int64_t cores);
/// Divisors of train.global_batch.
std::vector<std::int64_t> micro_batch_sizes(const Job& job, std::int64_t cores);

// Of the wide space: what most people never try.

/// As many as leave each rank 1,024 tokens or more.
std::vector<std::int64_t> wide_context_degrees(const Job& job, std::int64_t cores);
/// Up to eight, for models with experts.
std::vector<std::int64_t> wide_expert_tensor_degrees(const Job& job, std::int64_t cores);
/// None, selective, full, and a few layers of each stage.
std::vector<std::int64_t> wide_recomputes(const Job& job, std::int64_t cores);
std::vector<std::int64_t> wide_sharding_stages(const Job& job, std::int64_t cores);
std::vector<std::int64_t> wide_schedules(const Job& job, std::int64_t cores);

/// On GPUs these, on CPUs the first, which changes nothing.
template <auto... kValues>
std::vector<std::int64_t> one_of_on_gpus(const Job& job, std::int64_t /*cores*/) {
  std::vector<std::int64_t> all{static_cast<std::int64_t>(kValues)...};
  if (job.cluster.cpu()) all.resize(1);
  return all;
}
/// The same for models with experts.
template <auto... kValues>
std::vector<std::int64_t> one_of_with_experts(const Job& job, std::int64_t cores) {
  std::vector<std::int64_t> all = one_of_on_gpus<kValues...>(job, cores);
  if (!job.model.moe) all.resize(1);
  return all;
}

/// Always the same few.
template <auto... kValues>
std::vector<std::int64_t> one_of(const Job& /*job*/, std::int64_t /*cores*/) {
  return {static_cast<std::int64_t>(kValues)...};
}

}  // namespace ds::workload
