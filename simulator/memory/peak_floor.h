#pragma once
// The cheapest lower bound on a plan's peak: what its first stages keep from step to step, with the activations of as many
// micro-batches as are under way at once, or with all gradients. It needs chunks of one and two layers alone.

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <unordered_map>
#include <utility>
#include <vector>

#include "simulator/base/units.h"
#include "simulator/program/stage_lowering.h"
#include "simulator/workload/job.h"

namespace ds::memory {

/// Remembers chunks. For one thread.
class PeakFloor {
 public:
  /// Plans differ from `base` by their plan alone.
  explicit PeakFloor(workload::Job base) : job_(std::move(base)) {}

  /// `plan` is complete, legal and supported.
  Bytes of(const workload::Plan& plan);

 private:
  /// Bytes of a chunk: what it keeps from step to step, its gradients, and what a micro-batch leaves from its forward to its
  /// backward.
  struct Kept {
    double lasting{}, gradients{}, activations{};
    void add(const Kept& other, double times) {
      lasting += times * other.lasting;
      gradients += times * other.gradients;
      activations += times * other.activations;
    }
  };
  /// By chunk, micro-batches that are behind their forward: when most are in all; of the whole step, and of what follows every
  /// chunk's first backward.
  using UnderWay = std::array<std::vector<std::int32_t>, 2>;
  /// Of a stage.
  struct Order {
    workload::Schedule schedule{};
    std::int64_t stages{}, stage{}, chunks{}, micro_batches{};
    auto operator<=>(const Order&) const = default;
  };

  const Kept& read(const program::StageInputs& inputs);
  static UnderWay under_way(const Order& order);
  std::int64_t of_stage(std::int64_t stage, const program::Lanes& lanes);

  workload::Job job_;
  program::ChunkGraphs graphs_{job_.model};
  /// Of a few of the many: what most chunks differ by.
  struct Hash {
    std::size_t operator()(const program::StageInputs& inputs) const;
  };
  std::unordered_map<program::StageInputs, Kept, Hash> known_;
  std::map<Order, UnderWay> under_way_;
};

}  // namespace ds::memory
