// What of a tensor lies in a rank's shard of its bucket.
#include "executor/element_run.h"

#include <algorithm>

#include "simulator/program/walk.h"

namespace ds::executor {

ElementRun in_shard(const program::Program& program, const program::TrainedTensor& tensor,
                    program::BufferId id, std::int32_t copy, std::int32_t rank, const Binding& binding) {
  const program::Copy place = program::locate(program, {.buffer = id, .copy = copy}, 0);
  const program::Buffer& buffer = program.buffer(place.buffer);
  const std::int64_t elements = buffer.size.bound.value / size_of(buffer.type);
  // Places in the tensor, which may begin before the shard or after it.
  const std::int64_t shard =
      program.grid.index(tensor.shard_group, rank) % tensor.shards * elements - tensor.first_in_bucket;
  const std::int64_t first = std::max<std::int64_t>(shard, 0);
  const std::int64_t end = std::min(shard + elements, tensor.shape.elements());
  return {first, std::max<std::int64_t>(end - first, 0),
          binding.slot_at(place, 0) + Bytes{(first - shard) * size_of(buffer.type)}, buffer.type};
}

ElementRun kept_weights(const program::Program& program, const program::TrainedTensor& tensor,
                        std::int32_t copy, std::int32_t rank, const Binding& binding) {
  if (tensor.weight_shard != program::BufferId{-1})
    return in_shard(program, tensor, tensor.weight_shard, copy, rank, binding);
  return {0, tensor.shape.elements(), binding.offset(tensor.weight, copy), program.view(tensor.weight).type};
}

}  // namespace ds::executor
