#include "tuner/estimate/peak_estimator.h"

#include <algorithm>
#include <utility>

#include "simulator/program/buckets.h"

namespace ds::tuner {
namespace {

using workload::Job;
using workload::Plan;

/// What the plan asks of all chunks alike.
struct Batch {
  std::int64_t micro_batch{}, micro_batches{}, shards{1};
  bool gradients_aside{};  // they are there always
};

/// The chunks of a group in bytes, each one.
struct Weighed {
  const Chunk* chunk{};
  Profile::At at;
  std::int64_t lasting{};         // all through the step
  std::int64_t gradients{};       // from the first backward on, in all
  Sizes each_gradient{};          // and one of each
  std::int64_t from_its_start{};  // those of them that the first backward begins with
  Sizes within{};                 // those that are born in the course of it
  std::int64_t stash{}, kept_slot{}, sent_slot{};
};

Weighed weigh(const Chunk& chunk, const Group& group, const Batch& batch) {
  Weighed w{.chunk = &chunk, .at = {group.layers, batch.micro_batch}};
  for (std::size_t i = 0; i < kLosses; ++i) {
    const std::int64_t elements = chunk.gradients[i].elements;
    if (elements == 0) continue;
    const auto [padded, part] = program::shards_of(elements, batch.shards, chunk.gradient_type);
    const std::int64_t gradient = padded * chunk.gradient_width;
    const std::int64_t all = gradient * chunk.gradients[i].count(group.layers);
    w.lasting +=
        chunk.weights[i].count(group.layers) * (padded * chunk.weight_width + part * chunk.optimizer_width);
    if (batch.gradients_aside) {
      w.lasting += all;
      continue;
    }
    w.gradients += all;
    w.each_gradient[i] = gradient;
    // A first backward begins with zeros where there is padding.
    if (padded > elements)
      w.from_its_start += all;
    else
      w.within[i] = gradient;
  }
  const std::int64_t more_layers = std::max<std::int64_t>(group.layers - 1, 0);
  w.stash = chunk.stash.at(batch.micro_batch) + more_layers * chunk.stash_per_layer.at(batch.micro_batch);
  w.kept_slot = chunk.kept_slot.at(batch.micro_batch);
  w.sent_slot = chunk.sent_slot.at(batch.micro_batch);
  return w;
}

/// A stage's chunks, and what it holds beside them.
struct WeighedStage {
  std::array<Weighed, kGroups> groups;
  std::size_t count{};
  std::int64_t lasting{}, ids{}, targets{}, losses{};
};

/// Bytes of the pass itself.
std::int64_t passing(const WeighedStage& stage, const Moment& moment) {
  const Weighed& own = stage.groups[moment.group];
  const Chunk& chunk = *own.chunk;
  switch (moment.pass) {
    case Moment::Pass::forward: {
      if (!moment.first) return chunk.forward.peak(own.at);
      Sizes born{};
      born[kLosses] = stage.losses;
      return chunk.forward.peak(own.at, born);
    }
    case Moment::Pass::backward:
      if (!moment.first) return chunk.backward.peak(own.at);
      return own.from_its_start + chunk.backward.peak(own.at, own.within);
    case Moment::Pass::rest: return chunk.rest.peak(own.at, own.each_gradient);
  }
  return 0;
}

std::int64_t level_at(const WeighedStage& stage, const Moment& moment) {
  std::int64_t level = stage.lasting + (moment.ids ? stage.ids : 0) + (moment.targets ? stage.targets : 0) +
                       (moment.losses ? stage.losses : 0);
  for (std::size_t g = 0; g < stage.count; ++g) {
    const Weighed& w = stage.groups[g];
    level += moment.in_flight[g] * w.stash + moment.summed[g] * w.gradients +
             moment.kept_slots[g] * w.kept_slot + moment.sent_slots[g] * w.sent_slot;
  }
  return level + passing(stage, moment);
}

}  // namespace

PeakEstimator::PeakEstimator(Job base, std::shared_ptr<StageShapes> shapes)
    : base_(std::move(base)), shapes_(std::move(shapes)) {}

bool PeakEstimator::covers(const Plan& plan) const {
  return probes_serve(base_, plan) && base_.habits.allocator != "arena" && !plan.stage_layers_given &&
         !base_.model.mla;
}

PeakEstimator::Probed& PeakEstimator::probed(const ChunkKey& key) {
  const auto [found, is_new] = probed_.try_emplace(key);
  if (is_new) found->second = {.chunks = probe_chunks(base_, key), .empty_ends = {}};
  return found->second;
}

const std::vector<StageShape>& PeakEstimator::shapes_of(const Plan& plan) {
  const Shape shape = shortened(shape_of(base_, plan));
  return shapes_->of(shape, [&] { return stage_shapes(shape, base_.model.layers); });
}

DataParallel PeakEstimator::data_parallel_of(const Plan& plan) {
  if (plan.dp == 1) return {};
  const std::size_t number = (plan.zero != 0 ? 1U : 0U) + (plan.overlap.grad_reduce ? 2U : 0U) +
                             (plan.overlap.param_gather ? 4U : 0U);
  std::optional<DataParallel>& known = data_parallel_[number];
  if (!known) known = probe_data_parallel(base_, plan.zero, plan.overlap);
  return *known;
}

const Chunk* PeakEstimator::chunk_of(const ChunkKey& key, Probed& probed, const Group& group) const {
  const Chunks& chunks = probed.chunks;
  if (group.place == Place::both) return chunks.whole ? &*chunks.whole : nullptr;
  if (!chunks.pipeline) return nullptr;
  const auto place = static_cast<std::size_t>(group.place);
  if (group.layers > 0) return &(*chunks.pipeline)[place];
  if (!probed.empty_ends) {
    probed.empty_ends = probe_empty_ends(base_, key);
    // Other chunks of the stage have layers.
    if (*probed.empty_ends)
      for (std::size_t p = 0; p < 3; ++p)
        (**probed.empty_ends)[p].dummy_gradients = (*chunks.pipeline)[p].dummy_gradients;
  }
  return *probed.empty_ends ? &(**probed.empty_ends)[place] : nullptr;
}

std::optional<Bytes> PeakEstimator::peak(const Plan& plan) {
  if (!covers(plan)) return std::nullopt;
  const DataParallel data = data_parallel_of(plan);
  const Batch batch{plan.micro_batch, base_.micro_batches_of(plan), data.sharded ? plan.dp : 1, data.aside};
  const ChunkKey key{.tp = plan.tp,
                     .sequence_parallel = plan.sequence_parallel,
                     .receives_aside = plan.overlap.p2p,
                     .recompute = plan.recompute,
                     .precision = plan.precision,
                     .attention = plan.attention,
                     .dropout = plan.dropout};
  Probed& known = probed(key);
  std::int64_t most = 0;
  for (const StageShape& shape : shapes_of(plan)) {
    WeighedStage stage;
    std::int64_t constants = 0, dummy = 0;
    for (const Group& group : shape.groups) {
      const Chunk* const chunk = chunk_of(key, known, group);
      if (chunk == nullptr) return std::nullopt;
      const Weighed& w = stage.groups[stage.count++] = weigh(*chunk, group, batch);
      stage.lasting += group.chunks * w.lasting;
      stage.ids += chunk->ids.at(batch.micro_batch) * batch.micro_batches;
      stage.targets += chunk->targets.at(batch.micro_batch) * batch.micro_batches;
      stage.losses += chunk->loss * batch.micro_batches;
      // All chunks of a stage share these.
      constants = std::max(constants, chunk->constants);
      dummy = std::max(dummy, chunk->dummy_gradients.value);
    }
    stage.lasting += constants + dummy;
    for (const Moment& moment : shape.moments) most = std::max(most, level_at(stage, moment));
  }
  return Bytes{most};
}

}  // namespace ds::tuner
