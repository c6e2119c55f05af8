// Finds what is known of a plan's stages, and puts the plan's sizes in.
#include "simulator/memory/plan_peaks.h"

#include <algorithm>
#include <map>
#include <tuple>
#include <utility>

#include "simulator/base/thread_pool.h"
#include "simulator/memory/peak_floor.h"
#include "simulator/memory/stage_levels.h"
#include "simulator/program/buckets.h"
#include "simulator/workload/layer_kinds.h"
#include "simulator/workload/settle.h"

namespace ds::memory {
namespace {

using program::StageInputs;
using workload::Job;
using workload::Plan;

/// An even number of layers is cut to an even one. What is merged is interleaved by how many layers either pass has.
std::int32_t cut_layers(const graph::StageOptions& chunk, const StageInputs& inputs) {
  const std::int32_t layers = chunk.layers;
  if (inputs.merges_passes() || !chunk.kinds.empty() || layers <= LoweredPart::kMostLayers) return layers;
  return LoweredPart::kMostLayers - (layers - LoweredPart::kMostLayers) % 2;
}

/// Of a stage what counts for some of its chunks.
StageInputs of_part(const StageInputs& stage, std::size_t first, std::size_t count) {
  StageInputs part = stage;
  part.chunks.assign(stage.chunks.begin() + static_cast<std::ptrdiff_t>(first),
                     stage.chunks.begin() + static_cast<std::ptrdiff_t>(first + count));
  const auto any = [&](auto has) {
    return std::ranges::any_of(part.chunks, [&](const program::ChunkInputs& c) { return has(c.graph); });
  };
  if (!any([](const graph::StageOptions& chunk) { return chunk.head; })) part.micro_batches = 0;
  if (!any([](const graph::StageOptions& chunk) { return chunk.head || chunk.embedding; }))
    part.tied_across = false, part.counts_tied = true;
  return part;
}

/// Which of the lanes beside that of computing it is decides when something is done, not in which order it is issued.
program::Lanes one_beside(program::Lanes lanes) {
  const auto join = [&](auto&... all) { ((all = all == lanes.compute ? all : program::LaneId{1}), ...); };
  join(lanes.reduce, lanes.gather, lanes.context, lanes.experts);
  for (program::MessageLanes& m : lanes.messages)
    join(m.send_forward, m.send_backward, m.receive_forward, m.receive_backward);
  return lanes;
}

/// Of what lowering reads, what changes what is alive when, but for sizes.
StageInputs without_sizes(StageInputs inputs) {
  for (program::ChunkInputs& chunk : inputs.chunks) {
    chunk.graph.layers = cut_layers(chunk.graph, inputs);
    chunk.graph.batch = 1;
    chunk.graph.loss_scale = 1;
  }
  inputs.micro_batches = std::min(inputs.micro_batches, 2);
  inputs.stages = std::min(inputs.stages, 2);
  inputs.overlap.tp_comm = inputs.products_in_pieces = false;
  if (!inputs.gathers_weights()) inputs.overlap.param_gather = false;
  inputs.lanes = one_beside(inputs.lanes);
  return inputs;
}

/// The same of stages that are cut into other shards.
StageInputs without_shards(StageInputs inputs) {
  if (inputs.chunks.front().graph.ep > 1) return inputs;
  inputs.data_ranks =
      std::min<std::int64_t>(inputs.replicas(), 2) * std::min<std::int64_t>(inputs.sharding.shards, 2);
  inputs.sharding.shards = std::min<std::int64_t>(inputs.sharding.shards, 2);
  inputs.expert_data_ranks = inputs.expert_shards = 1;
  return inputs;
}

/// Parts of stages that are alike but for sizes.
class Family {
 public:
  Family(const StageInputs& inputs, program::ChunkGraphs& graphs, LatelyLowered& lately)
      : graphs_(graphs), lately_(lately) {
    for (const program::ChunkInputs& chunk : inputs.chunks)
      buckets_.push_back(program::make_buckets(*graphs.of(chunk), inputs.tensor_ranks));
  }

  /// `inputs` as they are; `cut` without_sizes.
  StagePart of(const StageInputs& inputs, const StageInputs& cut, std::int64_t micro_batches) {
    std::vector<program::Shards> shards;
    std::vector<bool> padded;
    for (const std::vector<program::Bucket>& chunk : buckets_)
      for (const program::Bucket& bucket : chunk) {
        const bool fewer = bucket.expert && inputs.sharding.shards > 1;
        shards.push_back(program::shards_of(
            bucket.elements, fewer ? inputs.expert_shards : inputs.sharding.shards, inputs.gradient_type));
        padded.push_back(shards.back().padded > bucket.elements);
      }
    std::unique_ptr<PartLevels>& levels = levels_[padded];
    if (!levels) levels = std::make_unique<PartLevels>(cut, graphs_, lately_);
    return {levels.get(), sizes_of(levels->sizes(), inputs, cut, shards, micro_batches)};
  }

 private:
  Level sizes_of(const SizeNumbers& numbers, const StageInputs& inputs, const StageInputs& cut,
                 const std::vector<program::Shards>& shards, std::int64_t micro_batches) const {
    using enum SizeNumbers::Of;
    using Part = SizeNumbers::Part;
    using Times = SizeNumbers::Times;
    Level sizes(numbers.count());
    const std::int64_t sequences = inputs.chunks.front().graph.batch;
    sizes[numbers.of(one)] = 1;
    sizes[numbers.of(sequence)] = sequences;
    sizes[numbers.by_micro_batch(one)] = micro_batches;
    sizes[numbers.by_micro_batch(sequence)] = micro_batches * sequences;
    std::size_t next = 0;
    for (std::size_t c = 0; c < buckets_.size(); ++c) {
      const std::int64_t more = inputs.chunks[c].graph.layers - cut.chunks[c].graph.layers;
      sizes[numbers.by_layer(c, one)] = more;
      sizes[numbers.by_layer(c, sequence)] = more * sequences;
      for (std::size_t b = 0; b < buckets_[c].size(); ++b, ++next) {
        sizes[numbers.of(c, b, Part::whole, Times::once)] = shards[next].padded;
        sizes[numbers.of(c, b, Part::shard, Times::once)] = shards[next].part;
        sizes[numbers.of(c, b, Part::whole, Times::more_layers)] = more * shards[next].padded;
        sizes[numbers.of(c, b, Part::shard, Times::more_layers)] = more * shards[next].part;
      }
    }
    return sizes;
  }

  program::ChunkGraphs& graphs_;
  LatelyLowered& lately_;
  std::vector<std::vector<program::Bucket>> buckets_;                // by chunk
  std::map<std::vector<bool>, std::unique_ptr<PartLevels>> levels_;  // by which buckets are padded
};

/// Plans that share what is remembered. For one thread.
class Unit {
 public:
  Unit(Job base, Moments& moments, Parted& parted)
      : job_(std::move(base)), moments_(moments), parted_(parted), graphs_(job_.model) {}

  /// Parts of stages.
  std::size_t remembered() const { return remembered_; }

  /// Parts that plans which come one after another have in common stay lowered until then.
  void forget_lowered() { lately_.forget(); }

  std::optional<Bytes> peak(const Plan& plan, double limit) {
    // In a call of both passes of one chunk, slots of two micro-batches change at once; what is offloaded is in two memories; what
    // one chunk hands to another lives in passes of both.
    if (plan.order() != plan.schedule || workload::offloads(plan) || plan.turns_back()) return std::nullopt;
    job_.plan = plan;
    workload::settle(job_);
    const std::int32_t directions = program::directions_of(plan.schedule);
    const auto micro_batches = static_cast<std::int32_t>(job_.micro_batches());
    const PlanMoments& moments =
        moments_.of({.schedule = plan.order(),
                     .stages = static_cast<std::int32_t>(plan.pp),
                     .chunks = static_cast<std::int32_t>(plan.chunks()),
                     .micro_batches = micro_batches,
                     .reduces_early = plan.overlap.grad_reduce && plan.dp * plan.cp > 1,
                     .first_forwards_apart = program::quantises_once(job_)});
    find_stages(moments, micro_batches / directions);
    std::int64_t most = 0;
    for (std::size_t first = 0, end = 0; first < kind_of_.size(); first = end) {
      while (end < kind_of_.size() && kind_of_[end] == kind_of_[first]) ++end;
      const Kind& kind = kinds_[kind_of_[first]];
      const std::optional<std::int64_t> bytes =
          most_bytes(kind.parts, kind.part_of, highest_of(moments, first, end), parted_);
      if (!bytes) return std::nullopt;
      most = std::max(most, *bytes);
      if (static_cast<double>(most) > limit) break;
    }
    return Bytes{most};
  }

 private:
  struct Kind {
    const std::vector<std::int64_t>* layers{};
    const std::vector<bool>* splits{};
    std::int64_t own{};                // of a stage that is like no other, its number; else -1
    std::vector<StagePart> parts;      // each that is like no other
    std::vector<std::size_t> part_of;  // of these, in order
  };

  void find_stages(const PlanMoments& moments, std::int64_t micro_batches) {
    const Plan& plan = job_.plan;
    program::Program scratch;
    const program::Lanes lanes = program::make_lanes(scratch, plan);
    const bool differ = program::directions_of(plan.schedule) > 1 ||
                        !workload::layers_are_alike(job_.model, job_.train.sequence_length);
    kinds_.clear();
    kind_of_.clear();
    for (std::int64_t s = 0; s < plan.pp; ++s) {
      const auto i = static_cast<std::size_t>(s);
      const std::int64_t own = s == 0 || s + 1 == plan.pp || differ ? s : -1;
      const auto found = std::ranges::find_if(kinds_, [&](const Kind& kind) {
        return kind.own == own && *kind.layers == plan.stage_layers[i] && *kind.splits == moments[i]->splits;
      });
      kind_of_.push_back(static_cast<std::size_t>(found - kinds_.begin()));
      if (found != kinds_.end()) continue;
      kinds_.push_back({&plan.stage_layers[i], &moments[i]->splits, own, {}, {}});
      add_parts(program::stage_inputs(job_, s, moments[i]->splits, lanes), micro_batches, kinds_.back());
    }
  }

  void add_parts(const StageInputs& stage, std::int64_t micro_batches, Kind& kind) {
    // Calls of DualPipe merge passes of two chunks; flat gradients of all chunks are there at once in the update.
    const bool together = stage.directions > 1 || stage.flat_gradients;
    const std::size_t count = together ? stage.chunks.size() : 1;
    for (std::size_t first = 0; first < stage.chunks.size(); first += count) {
      std::size_t before = 0;  // one like it, or itself
      while (stage.chunks[before] != stage.chunks[first]) ++before;
      if (before < first && count == 1) {
        kind.part_of.push_back(kind.part_of[before]);
        continue;
      }
      kind.part_of.push_back(kind.parts.size());
      kind.parts.push_back(part_of(of_part(stage, first, count), micro_batches));
    }
  }

  StagePart part_of(const StageInputs& inputs, std::int64_t micro_batches) {
    const StageInputs cut = without_sizes(inputs);
    const StageInputs key = without_shards(cut);
    auto found = families_.find(key);
    if (found == families_.end()) {
      found = families_.try_emplace(key, key, graphs_, lately_).first;
      remembered_ += key.chunks.size();
    }
    return found->second.of(inputs, cut, micro_batches);
  }

  /// Of stages in a row, those that no other one tops.
  const PlanMoments& highest_of(const PlanMoments& moments, std::size_t first, std::size_t end) {
    const auto [found, is_new] = highest_.try_emplace({&moments, first, end});
    if (!is_new) return found->second;
    for (std::size_t s = first; s < end; ++s) {
      const bool topped = std::ranges::any_of(found->second, [&](const StageMoments* one) {
        return one == moments[s] || tops(*one, *moments[s]);
      });
      if (!topped) found->second.push_back(moments[s]);
    }
    return found->second;
  }

  Job job_;
  Moments& moments_;
  Parted& parted_;
  program::ChunkGraphs graphs_;
  LatelyLowered lately_;
  std::map<StageInputs, Family> families_;  // by without_shards
  std::size_t remembered_{0};
  std::map<std::tuple<const PlanMoments*, std::size_t, std::size_t>, PlanMoments> highest_;
  // Of the plan that is looked at.
  std::vector<Kind> kinds_;
  std::vector<std::size_t> kind_of_;  // by stage
};

}  // namespace

struct PlanPeaks::Impl {
  Impl(Job job, std::size_t threads) : base(std::move(job)), pool(threads) {}

  static constexpr std::size_t kMostRemembered = 20'000;  // chunks, some 50 kB each with their graphs

  /// What is remembered of plans that have the same kinds of chunks.
  struct Part {
    Unit peaks;
    PeakFloor floor;
  };

  /// Calls fn(part, number of a plan) for all plans; large parts first, so that all threads end together.
  template <class Fn>
  void share(std::span<const Plan> plans, const std::function<bool()>& enough, Fn&& fn) {
    forget_if_full();
    std::vector<std::pair<Part*, std::vector<std::size_t>>> shares;
    std::map<Part*, std::size_t> known;
    for (std::size_t i = 0; i < plans.size(); ++i) {
      const Plan& plan = plans[i];
      std::unique_ptr<Part>& part = parts[{plan.tp, plan.sequence_parallel, plan.precision}];
      // NOLINTNEXTLINE(modernize-make-unique): its parts cannot be moved
      if (!part) part.reset(new Part{{base, moments, parted}, PeakFloor(base)});
      const auto [found, is_new] = known.try_emplace(part.get(), shares.size());
      if (is_new) shares.emplace_back(part.get(), std::vector<std::size_t>{});
      shares[found->second].second.push_back(i);
    }
    std::ranges::stable_sort(shares, std::greater<>{}, [](const auto& one) { return one.second.size(); });
    pool.share(shares.size(), [&](std::size_t piece, std::size_t /*member*/) {
      for (const std::size_t i : shares[piece].second) {
        if (enough && enough()) return;
        fn(*shares[piece].first, i);
      }
      shares[piece].first->peaks.forget_lowered();
    });
  }

  /// What is remembered only saves time.
  void forget_if_full() {
    std::size_t remembered = 0;
    for (const auto& [key, part] : parts) remembered += part->peaks.remembered();
    if (remembered > kMostRemembered) parts.clear();
  }

  Job base;
  ThreadPool pool;
  Moments moments;
  Parted parted;
  std::map<std::tuple<std::int64_t, bool, workload::Precision>, std::unique_ptr<Part>> parts;
};

PlanPeaks::PlanPeaks(const Job& base, std::size_t threads) : impl_(std::make_unique<Impl>(base, threads)) {}
PlanPeaks::~PlanPeaks() = default;

std::vector<std::optional<Bytes>> PlanPeaks::of(std::span<const Plan> plans,
                                                const std::function<bool()>& enough, double limit) {
  std::vector<std::optional<Bytes>> result(plans.size());
  if (impl_->base.habits.allocator == "arena") return result;
  impl_->share(plans, enough,
               [&](Impl::Part& part, std::size_t i) { result[i] = part.peaks.peak(plans[i], limit); });
  return result;
}

std::vector<Bytes> PlanPeaks::floors(std::span<const Plan> plans, const std::function<bool()>& enough) {
  std::vector<Bytes> result(plans.size());
  impl_->share(plans, enough, [&](Impl::Part& part, std::size_t i) { result[i] = part.floor.of(plans[i]); });
  return result;
}

}  // namespace ds::memory
