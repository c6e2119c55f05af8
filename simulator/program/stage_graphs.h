#pragma once
// What the chunks of a job's stages are: sizes, and the graph of forward and backward.

#include <cstdint>
#include <memory>

#include "simulator/graph/graph.h"
#include "simulator/workload/job.h"

namespace ds::program {

/// Where a chunk is in the model: chunk c of stage s is the (c x stages + s)-th; with two pipelines in opposite directions,
/// chunk 1 is the stage at the mirrored place; with one that turns back, the chunk as far from the model's end as chunk 0 from
/// its beginning.
std::int64_t place_of(const workload::Plan& plan, std::int64_t stage, std::int64_t chunk);
/// Of a place.
std::int64_t layers_at(const workload::Plan& plan, std::int64_t place);

graph::StageOptions chunk_options(const workload::Job& job, std::int64_t stage, std::int64_t chunk);
/// The number of its first layer in the model.
std::int32_t first_layer_of(const workload::Job& job, std::int64_t stage, std::int64_t chunk);

/// Forward and backward, with recompute and what is gathered again.
graph::Stage chunk_graph(const workload::Model& model, const graph::StageOptions& options,
                         workload::Recompute recompute);

}  // namespace ds::program
