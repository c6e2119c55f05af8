#pragma once
// A small plan that is lowered in the place of large ones. Its pipeline has four stages of 1, 1, 2 and 1 layers: what a first,
// a middle and a last stage do, and what one layer more adds to them. Without a pipeline it is one stage, of 1 layer or of 2.
//
//   Probe probe(job, kPipelineLayers, 8);
//   probe.price(16, program::grid_of(plan), machine, Zeroes::counted);
//   probe.line(1) ...
//
// It is lowered once, and priced again for plans that differ by the size of their micro-batches and by what surrounds their
// groups of ranks: communications cost what they cost there.

#include <cstdint>
#include <optional>
#include <vector>

#include "simulator/cost/machine.h"
#include "simulator/program/program.h"
#include "simulator/workload/job.h"
#include "tuner/estimate/collapse.h"

namespace ds::tuner {

/// What stands around the layers of a chunk: embedding, nothing, head, or both.
enum class Kind : std::uint8_t { first, middle, last, only };

/// Layers by stage.
inline const std::vector<std::int64_t> kPipelineLayers{1, 1, 2, 1}, kOneLayer{1}, kTwoLayers{2};

/// Where the layer's collective stands among the seconds of those of a stage that has everything: with two layers it comes
/// twice in a row. Their count where no layer's is among them.
std::optional<std::size_t> layer_among(const std::vector<double>& one, const std::vector<double>& two);

/// Whether zeroing what pads gradients takes time: it depends on the number of data-parallel ranks.
enum class Zeroes : std::uint8_t { left_out, counted };

class Probe {
 public:
  /// `job`: the large plan's, with the probe's own settings.
  Probe(workload::Job job, const std::vector<std::int64_t>& layers, std::int64_t micro_batches);

  /// Durations and lines for micro-batches of that size in a plan of that grid.
  void price(std::int64_t micro_batch, const program::Grid& grid, const cost::Machine& machine,
             Zeroes zeroes);

  const program::Program& program() const { return program_; }
  const engine::Durations& durations() const { return durations_; }
  const Line& line(std::size_t stage) const { return collapsed_.lines[stage]; }
  std::size_t stages() const { return program_.classes.size(); }

 private:
  void scale(std::int64_t micro_batch);
  void collapse();

  workload::Job job_;
  program::Program program_;
  // With micro-batches of one sequence:
  std::vector<ops::Op> ops_;
  struct Message {
    std::size_t instruction{};
    Bytes bytes;
  };
  std::vector<Message> activations_;  // communications of activations
  engine::Durations durations_;
  Collapsed collapsed_;
  bool priced_{false};  // at least once
};

}  // namespace ds::tuner
