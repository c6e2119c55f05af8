#pragma once
// The cheapest of the lower bounds on a plan's step: what the busiest stage computes in its passes, with the way of the first
// message to that stage and of the last one from it. It needs chunks of one and two layers alone, so it is there for every
// plan, and a few hundred chunks serve a whole space.

#include <cstddef>
#include <cstdint>
#include <unordered_map>
#include <utility>

#include "simulator/base/units.h"
#include "simulator/engine/chunk_seconds.h"
#include "simulator/engine/machines.h"
#include "simulator/engine/plan_stages.h"
#include "simulator/program/stage_lowering.h"
#include "simulator/workload/job.h"

namespace ds::engine {

/// Remembers chunks. For one thread.
class WorkBound {
 public:
  /// Plans differ from `base` by their plan alone. The others have to outlive it.
  WorkBound(workload::Job base, Machines& machines, Orders& orders)
      : job_(std::move(base)), machines_(machines), orders_(orders) {}

  /// `plan` is complete, legal and supported.
  Seconds of(const workload::Plan& plan);

 private:
  class Stages;

  /// Seconds of a chunk: of its passes in the compute lane and in lanes beside it, and of what is between having a message and
  /// sending the next one.
  struct Work {
    double passes{}, ring{}, exchanges{}, ahead{}, back{};
    void add(const Work& other, double times) {
      passes += times * other.passes;
      ring += times * other.ring;
      exchanges += times * other.exchanges;
      ahead += times * other.ahead;
      back += times * other.back;
    }
  };
  const Work& read(const ChunkSeconds::Inputs& inputs, const cost::Machine& machine);

  workload::Job job_;
  Machines& machines_;
  Orders& orders_;
  program::ChunkGraphs graphs_{job_.model};
  /// Of a few of the many: what most chunks differ by.
  struct Hash {
    std::size_t operator()(const ChunkSeconds::Inputs& inputs) const;
  };
  std::unordered_map<ChunkSeconds::Inputs, Work, Hash> known_;
};

}  // namespace ds::engine
