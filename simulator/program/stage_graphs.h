#pragma once
// The graphs of a job's stages; and a store of them for who lowers many programs that have the same.

#include <cstdint>
#include <map>
#include <memory>
#include <utility>

#include "simulator/graph/graph.h"
#include "simulator/workload/job.h"

namespace ds::program {

/// Forward and backward of a chunk of a stage, with recompute and what is gathered again.
graph::Stage chunk_graph(const workload::Job& job, std::int64_t stage, std::int64_t chunk);

/// Keeps graphs of one model. What they are asked for twice is made once, but for the scale of the loss, which is that of
/// the first job: so programs with these graphs are for pricing alone.
class StageGraphs {
 public:
  std::shared_ptr<const graph::Stage> of(const workload::Job& job, std::int64_t stage, std::int64_t chunk);

 private:
  std::map<std::pair<graph::StageOptions, workload::Recompute>, std::shared_ptr<const graph::Stage>> graphs_;
};

}  // namespace ds::program
