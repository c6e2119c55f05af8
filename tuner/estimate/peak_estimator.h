#pragma once
// The peak memory of a plan without lowering it: to the byte what lowering gives, some thousand times faster.
//
//   PeakEstimator estimator(space.base());
//   if (const auto peak = estimator.peak(plan)) ...    // nothing: this plan has to be lowered
//
// A step is a list of passes. What a pass holds at each of its instructions is read off small programs (peak_probe.h) and
// stretched to the plan's layers and micro-batch (peak_profile.h); what else is alive when it begins follows from the
// schedule (peak_schedule.h). All three are kept, so that a new plan mostly asks for what is there.

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <vector>

#include "simulator/base/memo.h"
#include "simulator/base/units.h"
#include "simulator/workload/job.h"
#include "tuner/estimate/peak_probe.h"
#include "tuner/estimate/peak_schedule.h"

namespace ds::tuner {

/// Plans of many estimators share them.
using StageShapes = Memo<Shape, std::vector<StageShape>>;

class PeakEstimator {
 public:
  /// Candidates differ from `base` by their plan alone.
  explicit PeakEstimator(workload::Job base,
                         std::shared_ptr<StageShapes> shapes = std::make_shared<StageShapes>());

  /// Bytes of the rank that needs most: those of engine::needs_of. `plan` is complete, legal and supported. Nothing on
  /// CPUs and wherever else the software places buffers itself, for schedules that cut the backward, for layers that are
  /// cut by hand, and where layers are not alike.
  std::optional<Bytes> peak(const workload::Plan& plan);

 private:
  struct Probed {
    Chunks chunks;
    std::optional<std::optional<std::array<Chunk, 3>>> empty_ends;  // few plans ask for these
  };

  bool covers(const workload::Plan& plan) const;
  Probed& probed(const ChunkKey& key);
  const std::vector<StageShape>& shapes_of(const workload::Plan& plan);
  DataParallel data_parallel_of(const workload::Plan& plan);
  /// None where layers are not alike.
  const Chunk* chunk_of(const ChunkKey& key, Probed& probed, const Group& group) const;

  workload::Job base_;
  std::map<ChunkKey, Probed> probed_;
  std::shared_ptr<StageShapes> shapes_;
  std::array<std::optional<DataParallel>, 8>
      data_parallel_;  // by zero, overlap of gradients and of parameters
};

}  // namespace ds::tuner
