#pragma once
// Where a rank has elements of its tensors in memory: whole parts, or what a shard of a bucket has of them.

#include <cstdint>

#include "executor/binding.h"
#include "simulator/program/program.h"

namespace ds::executor {

/// Elements of a rank's part of a tensor that lie one after the other in its memory.
struct ElementRun {
  std::int64_t first{}, count{};  // in the rank's part
  Bytes begin;
  DataType type{};
};

/// What a buffer of a shard of the bucket has of a tensor: nothing, some or all of it.
ElementRun in_shard(const program::Program& program, const program::TrainedTensor& tensor,
                    program::BufferId id, std::int32_t copy, std::int32_t rank, const Binding& binding);

/// The weights that a rank keeps from step to step.
ElementRun kept_weights(const program::Program& program, const program::TrainedTensor& tensor,
                        std::int32_t copy, std::int32_t rank, const Binding& binding);

}  // namespace ds::executor
