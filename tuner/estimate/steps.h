#pragma once
// Whole steps of many plans at a time: the update, the pipeline, what ends a step.

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "simulator/workload/job.h"
#include "tuner/estimate/estimator.h"
#include "tuner/estimate/pass_model.h"
#include "tuner/estimate/pipeline.h"
#include "tuner/estimate/update_model.h"

namespace ds::tuner {

/// The steps of plans whose pipelines have one shape.
class Steps {
 public:
  struct Entry {
    const workload::Plan* plan{};
    const PassModel* passes{};
    const UpdateModel* updates{};
    double more_losses{};
    const std::vector<double>* passes_numbers{};  // of `passes`, see Models::Passes
    std::size_t number{};                         // of the plan
  };

  explicit Steps(std::shared_ptr<TurnsOfShapes> turns) : run_(std::move(turns)) {}

  /// Writes estimates[entry.number].step_time. All entries split layers in the same way and agree on whether messages are received beside
  /// the compute lane. Changes their order. False where the schedule cannot go on.
  bool run(const Shape& shape, std::span<Entry> entries, std::span<Estimate> estimates);

 private:
  /// Chunks that are alike.
  struct Variant {
    Kind kind{};
    std::int64_t layers{};
    ChunkOf<Lanes> chunk;
  };

  const workload::Plan& plan() const { return *entry_->plan; }
  const PassModel& passes() const { return *entry_->passes; }
  const UpdateModel& updates() const { return *entry_->updates; }
  Kind kind_of(std::size_t stage) const;
  /// A chunk inside a stage at an end of the pipeline may be one of the middle of the model.
  Kind kind_of(std::size_t stage, std::size_t chunk) const;
  std::int64_t layers_of(std::size_t stage) const { return layers_[stage]; }
  const Variant& variant(std::size_t stage, std::size_t chunk) const {
    return variants_[variant_of_[stage * chunks_ + chunk]];
  }

  /// Goes through the pipelines of up to kLanes lots of entries, a lane each. Entries of one lot have the same passes: a
  /// pipeline goes its way from the end of its first pass on, however late that comes, as long as what the other stages do
  /// before their first pass does not delay it. Those that it delays are left in `delayed_`.
  bool run_lots(std::span<const std::span<const Entry>> lots, std::span<Estimate> estimates);
  /// Those, each with a lane of its own.
  bool run_alone(std::span<const Entry> entries, std::span<Estimate> estimates);
  void take(const Entry& entry, std::size_t lane);
  bool play();
  /// Of the entry that was taken: when its first pass has ended, counted from where that is in the pipeline gone through.
  /// Nothing where another stage is late.
  std::optional<double> offset() const;

  void find_variants(const workload::Plan& plan);

  /// The lane of a kind of chunk.
  void fill(Variant& variant);

  /// Calls fn(collective, layers before) for the buckets of a chunk in the order of `list`: a layer's once for each.
  template <class List, class Fn>
  static void for_each_bucket(const List& list, std::int64_t layers, Fn&& fn) {
    std::int64_t ahead = 0;
    for (const auto& one : list) {
      fn(one, ahead);
      if (!one.layer) continue;
      while (++ahead < layers) fn(one, ahead);
      --ahead;
    }
  }

  /// From the last step's meeting to the first pass of a stage.
  void begin(std::size_t s);

  /// Goes through the reductions beside the compute lane; reduced_ gets when each has ended. `at`: the end of the passes;
  /// where reductions only begin there, with the collectives before each, which take time of the compute lane.
  void reduce(std::size_t s, double& at);

  /// From the last pass to the meeting of all.
  double finish();

  PipelineRun run_;
  // Of the plans that are gone through:
  Shape shape_;
  std::size_t stages_{1}, chunks_{1};
  bool beside_{};
  std::vector<Variant> variants_;
  std::vector<std::size_t> variant_of_;  // by cell
  std::vector<std::int64_t> layers_;     // by stage
  std::vector<const ChunkOf<Lanes>*> cells_;
  std::vector<double> come_, start_, lane_free_;       // of one plan, by cell or by stage
  std::vector<Lanes> come_of_lanes_, start_of_lanes_;  // of those that are gone through
  std::vector<Entry> delayed_;
  // Of one of them:
  const Entry* entry_{};
  std::size_t lane_{};
  double offset_{};  // of its times from those of the pipeline that was gone through
  std::vector<double> gathered_, reduced_, reduced_by_first_;
};

}  // namespace ds::tuner
