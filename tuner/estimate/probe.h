#pragma once
// A small plan that is lowered in the place of large ones. Its pipeline has four stages of 1, 1, 2 and 1 layers: what a first,
// a middle and a last stage do, and what one layer more adds to them. Without a pipeline it is one stage, of 1 layer and of 2.
//
// Groups of ranks are those of the large plan, so that communications cost what they cost there.

#include <vector>

#include "simulator/cost/machine.h"
#include "simulator/engine/collapse.h"
#include "simulator/program/program.h"
#include "simulator/workload/job.h"

namespace ds::tuner {

/// What stands around the layers of a chunk: embedding, nothing, head, or both.
enum class Kind : std::uint8_t { first, middle, last, only };

/// A program with the seconds of its instructions and its lines.
struct Probe {
  program::Program program;
  engine::Durations durations;
  engine::Collapsed collapsed;

  /// The passes that a stage makes, in order.
  const engine::Line& line(std::size_t stage) const { return collapsed.lines.stages[stage]; }
};

/// Whether zeroing what pads gradients takes time: it depends on the number of data-parallel ranks.
enum class Zeroes : std::uint8_t { left_out, counted };

/// `job`: the large plan's, with the probe's own settings; it has `micro_batches` of them. `layers`: by stage.
Probe make_probe(workload::Job job, const std::vector<std::int64_t>& layers, std::int64_t micro_batches,
                 const program::Coordinates& extents, const cost::Machine& machine, Zeroes zeroes);

}  // namespace ds::tuner
