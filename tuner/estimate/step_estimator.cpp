#include "tuner/estimate/step_estimator.h"

#include <algorithm>
#include <array>
#include <map>
#include <span>
#include <tuple>
#include <utility>
#include <vector>

#include "simulator/workload/limits.h"
#include "tuner/estimate/pass_model.h"
#include "tuner/estimate/pipeline.h"
#include "tuner/estimate/update_model.h"

namespace ds::tuner {
namespace {

using workload::Job;
using workload::Plan;
using workload::Schedule;

constexpr std::int64_t kMicroBatches = 8;  // of a probe: enough for every wait to occur

bool known(Schedule schedule) {
  return schedule == Schedule::gpipe || schedule == Schedule::one_f_one_b ||
         schedule == Schedule::interleaved;
}

/// Neighbours in the pipeline are equally far from each other everywhere: in one node, or each in another one.
bool evenly_far(const Plan& plan, std::int64_t per_node) {
  const std::int64_t stride = plan.tp * plan.cp * plan.dp;
  return plan.pp == 1 || stride % per_node == 0 || stride * plan.pp <= per_node;
}

bool covered(const Job& base, const Plan& plan) {
  const bool pipeline_last = plan.placement.size() >= 2 && plan.placement.ends_with("pp");
  return !base.cluster.cpu() && known(plan.schedule) && (plan.pp > 1 || plan.vpp == 1) && plan.cp == 1 &&
         plan.tp * plan.dp * plan.pp > 1 && pipeline_last &&
         evenly_far(plan, base.cluster.groups.front().node.gpus_per_node) &&
         std::ranges::all_of(plan.stage_layers, [](const std::vector<std::int64_t>& chunks) {
           return std::ranges::all_of(chunks, [](std::int64_t layers) { return layers > 0; });
         });
}

program::Coordinates extents_of(const Plan& plan) {
  return {static_cast<std::int32_t>(plan.tp), static_cast<std::int32_t>(plan.cp),
          static_cast<std::int32_t>(plan.dp), static_cast<std::int32_t>(plan.pp)};
}

/// What probes have said, by the keys of a plan that it depends on.
class Models {
 public:
  explicit Models(const Job& base) : base_(base), per_node_(base.cluster.groups.front().node.gpus_per_node) {}

  const std::optional<PassModel>& passes_of(const Plan& plan, std::int64_t micro_batches) {
    // Whether reductions have a lane of their own, and begin behind the last backward where something precedes them.
    const bool lane = plan.dp > 1 && (plan.overlap.grad_reduce || plan.overlap.param_gather);
    const bool single = micro_batches == 1 && lane, late = lane && !plan.overlap.grad_reduce;
    const PassProbeKey probe_key{plan.tp,
                                 plan.pp == 1,
                                 plan.sequence_parallel,
                                 plan.recompute,
                                 plan.precision,
                                 plan.attention,
                                 plan.overlap.tp_comm,
                                 single,
                                 late};
    const auto [found, is_new] = passes_.try_emplace({probe_key, plan.micro_batch, neighbours(plan)});
    if (!is_new) return found->second;
    const auto [probes, is_new_probe] = pass_probes_.try_emplace(probe_key);
    if (is_new_probe) {
      Job job = base_;
      job.plan = plan;
      job.plan.dp = 2;
      job.plan.zero = 1;
      job.plan.overlap.grad_reduce = !late;
      job.plan.overlap.param_gather = job.plan.overlap.p2p = true;
      probes->second = Probes(job, plan.pp > 1, single ? 1 : kMicroBatches);
    }
    return found->second =
               probes->second.read<PassModel>(plan, plan.micro_batch, machine_of(plan), Zeroes::left_out);
  }

  const std::optional<UpdateModel>& updates_of(const Plan& plan) {
    const auto [found, is_new] = updates_.try_emplace({update_probe_key(plan, plan.dp), plan.dp, plan.pp});
    if (!is_new) return found->second;
    // Where every rank keeps everything, only the costs of communications tell numbers of data-parallel ranks apart.
    const std::int64_t ranks = plan.zero > 0 ? plan.dp : std::min<std::int64_t>(plan.dp, 2);
    const auto [probes, is_new_probe] = update_probes_.try_emplace(update_probe_key(plan, ranks));
    if (is_new_probe) {
      Job job = base_;
      job.plan = plan;
      job.plan.dp = ranks;
      job.plan.recompute = workload::Recompute::none;
      job.plan.overlap.p2p = job.plan.overlap.tp_comm = false;
      probes->second = Probes(job, plan.pp > 1, kMicroBatches);
    }
    return found->second = probes->second.read<UpdateModel>(plan, 1, machine_of(plan), Zeroes::counted);
  }

  /// The loss's sum over micro-batches, which the probe has few of.
  double more_losses(const Plan& plan, std::int64_t micro_batches) {
    const auto [found, is_new] = losses_.try_emplace({micro_batches, plan.precision}, 0.0);
    if (is_new) {
      const bool fp64 = plan.precision == workload::Precision::fp64;
      const auto seconds = [&](std::int64_t n) {
        const ops::Op op{.what = ops::LossSum{.micro_batches = n, .copies = plan.tp},
                         .pass = ops::Pass::update,
                         .type = fp64 ? DataType::fp64 : DataType::fp32};
        return machine_of(plan).time(op).seconds.value;
      };
      found->second = seconds(micro_batches) - seconds(kMicroBatches);
    }
    return found->second;
  }

 private:
  /// One probe of a pipeline, or two of a single stage.
  class Probes {
   public:
    Probes() = default;
    Probes(const Job& job, bool pipeline, std::int64_t micro_batches) {
      if (!pipeline) further_.emplace(job, kTwoLayers, micro_batches);
      probe_.emplace(job, pipeline ? kPipelineLayers : kOneLayer, micro_batches);
    }
    template <class Model>
    std::optional<Model> read(const Plan& plan, std::int64_t micro_batch, const cost::Machine& machine,
                              Zeroes zeroes) {
      const program::Coordinates extents = extents_of(plan);
      probe_->price(micro_batch, extents, machine, zeroes);
      if (further_) further_->price(micro_batch, extents, machine, zeroes);
      return Model::read(*probe_, further_ ? &*further_ : nullptr);
    }

   private:
    std::optional<Probe> probe_, further_;
  };

  /// tp, no pipeline, sequence parallel, recompute, precision, attention, tp_comm, one micro-batch, reduced late.
  using PassProbeKey = std::tuple<std::int64_t, bool, bool, workload::Recompute, workload::Precision,
                                  workload::Attention, bool, bool, bool>;
  using PassKey = std::tuple<PassProbeKey, std::int64_t, std::int64_t>;  // and micro-batch, neighbours
  /// tp, data-parallel ranks, no pipeline, sequence parallel, precision, zero, grad_reduce, param_gather.
  using UpdateProbeKey =
      std::tuple<std::int64_t, std::int64_t, bool, bool, workload::Precision, int, bool, bool>;
  using UpdateKey = std::tuple<UpdateProbeKey, std::int64_t, std::int64_t>;  // and dp, pp

  static UpdateProbeKey update_probe_key(const Plan& plan, std::int64_t ranks) {
    return {plan.tp,
            ranks,
            plan.pp == 1,
            plan.sequence_parallel,
            plan.precision,
            plan.zero,
            plan.overlap.grad_reduce,
            plan.overlap.param_gather};
  }

  /// What of the other axes a pass's communications depend on: how many tensor-parallel groups share a node, where stages
  /// fill whole nodes; else all of it.
  std::int64_t neighbours(const Plan& plan) const {
    const bool tp_first = plan.placement.starts_with("tp");
    if (tp_first && plan.tp * plan.dp % per_node_ == 0 &&
        (plan.tp % per_node_ == 0 || per_node_ % plan.tp == 0))
      return 0;
    return plan.dp * workload::kMaxDegree + plan.pp;
  }

  const cost::Machine& machine_of(const Plan& plan) {
    std::unique_ptr<cost::Machine>& machine = machines_[{plan.precision, plan.attention, plan.dropout}];
    if (!machine) {
      Job job = base_;
      job.plan = plan;
      machine = std::make_unique<cost::Machine>(job, no_profile_);
    }
    return *machine;
  }

  const Job& base_;
  std::int64_t per_node_;
  cost::Profile no_profile_;
  std::map<std::tuple<workload::Precision, workload::Attention, double>, std::unique_ptr<cost::Machine>>
      machines_;
  std::map<PassProbeKey, Probes> pass_probes_;
  std::map<UpdateProbeKey, Probes> update_probes_;
  std::map<PassKey, std::optional<PassModel>> passes_;
  std::map<UpdateKey, std::optional<UpdateModel>> updates_;
  std::map<std::pair<std::int64_t, workload::Precision>, double> losses_;
};

/// The steps of plans whose pipelines have one shape, a lane each.
class Steps {
 public:
  struct Entry {
    const Plan* plan{};
    const PassModel* passes{};
    const UpdateModel* updates{};
    double more_losses{};
  };

  /// At most kLanes entries; false where the schedule cannot go on.
  bool run(const Shape& shape, std::span<const Entry> entries, std::span<double> seconds) {
    shape_ = shape;
    stages_ = static_cast<std::size_t>(shape.stages);
    chunks_ = static_cast<std::size_t>(shape.chunks);
    beside_ = entries.front().plan->overlap.p2p && stages_ > 1;
    const std::size_t cells = stages_ * chunks_;
    cells_.resize(cells);
    come_.resize(cells);
    start_.resize(stages_);
    lane_free_.resize(stages_);
    find_variants(*entries.front().plan);
    for (std::size_t lane = 0; lane < kLanes; ++lane) {
      entry_ = &entries[std::min(lane, entries.size() - 1)];  // lanes to spare do the last one again
      lane_ = lane;
      for (Variant& variant : variants_) fill(variant);
      for (std::size_t s = 0; s < stages_; ++s) begin(s);
    }
    for (std::size_t cell = 0; cell < cells; ++cell) cells_[cell] = &variants_[variant_of_[cell]].chunk;
    if (!run_.play(shape, {.chunks = cells_, .weights_come = come_, .start = start_, .beside = beside_}))
      return false;
    for (std::size_t lane = 0; lane < entries.size(); ++lane) {
      entry_ = &entries[lane];
      lane_ = lane;
      seconds[lane] = finish();
    }
    return true;
  }

 private:
  /// Chunks that are alike.
  struct Variant {
    Kind kind{};
    std::int64_t layers{};
    ChunkOf<Lanes> chunk;
  };

  const Plan& plan() const { return *entry_->plan; }
  const PassModel& passes() const { return *entry_->passes; }
  const UpdateModel& updates() const { return *entry_->updates; }
  Kind kind_of(std::size_t stage) const {
    if (stages_ == 1) return Kind::only;
    if (stage == 0) return Kind::first;
    return stage + 1 == stages_ ? Kind::last : Kind::middle;
  }
  /// A chunk inside a stage at an end of the pipeline may be one of the middle of the model.
  Kind kind_of(std::size_t stage, std::size_t chunk) const {
    const Kind kind = kind_of(stage);
    if (kind == Kind::first && chunk > 0) return Kind::middle;
    if (kind == Kind::last && chunk + 1 < chunks_) return Kind::middle;
    return kind;
  }
  std::int64_t layers_of(std::size_t stage) const { return layers_[stage]; }
  const Variant& variant(std::size_t stage, std::size_t chunk) const {
    return variants_[variant_of_[stage * chunks_ + chunk]];
  }

  void find_variants(const Plan& plan) {
    variants_.clear();
    variant_of_.resize(stages_ * chunks_);
    layers_.assign(stages_, 0);
    for (std::size_t s = 0; s < stages_; ++s)
      for (std::size_t c = 0; c < chunks_; ++c) {
        const Kind kind = kind_of(s, c);
        const std::int64_t layers = plan.stage_layers[s][c];
        layers_[s] += layers;
        const auto same = [&](const Variant& one) { return one.kind == kind && one.layers == layers; };
        auto found = std::ranges::find_if(variants_, same);
        if (found == variants_.end()) {
          variants_.push_back({.kind = kind, .layers = layers, .chunk = {}});
          found = variants_.end() - 1;
        }
        variant_of_[s * chunks_ + c] = static_cast<std::size_t>(found - variants_.begin());
      }
  }

  /// The lane of a kind of chunk.
  void fill(Variant& variant) {
    ChunkSeconds chunk = passes().seconds(variant.kind, variant.layers, beside_);
    if (!plan().overlap.grad_reduce || plan().dp == 1) chunk.last_backward = chunk.backward;
    const StageUpdate& update = updates().one_layer(variant.kind);
    chunk.first_backward.ahead +=
        update.zero + static_cast<double>(variant.layers - 1) * updates().layer().zero;
    if (shape_.micro_batches == 1) chunk.last_backward = chunk.first_backward;
    const auto put = [&](PassOf<Lanes>& lanes, const PassSeconds& pass) {
      lanes.ahead[lane_] = pass.ahead;
      lanes.begin[lane_] = pass.begin;
      lanes.end[lane_] = pass.end;
      lanes.rest[lane_] = pass.rest;
      lanes.frees_early[lane_] = pass.frees_early;
      lanes.frees_late[lane_] = pass.frees_late;
    };
    put(variant.chunk.forward, chunk.forward);
    put(variant.chunk.backward, chunk.backward);
    put(variant.chunk.first_backward, chunk.first_backward);
    put(variant.chunk.last_backward, chunk.last_backward);
    variant.chunk.take_forward[lane_] = chunk.take_forward;
    variant.chunk.take_backward[lane_] = chunk.take_backward;
    variant.chunk.takes_forward = chunk.takes_forward;
    variant.chunk.takes_backward = chunk.takes_backward;
  }

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
  void begin(std::size_t s) {
    const bool as_before = s > 1 && kind_of(s) == Kind::middle &&
                           std::equal(variant_of_.begin() + static_cast<std::ptrdiff_t>(s * chunks_),
                                      variant_of_.begin() + static_cast<std::ptrdiff_t>((s + 1) * chunks_),
                                      variant_of_.begin() + static_cast<std::ptrdiff_t>((s - 1) * chunks_));
    if (as_before) {
      start_[s][lane_] = start_[s - 1][lane_];
      lane_free_[s][lane_] = lane_free_[s - 1][lane_];
      for (std::size_t c = 0; c < chunks_; ++c)
        come_[s * chunks_ + c][lane_] = come_[(s - 1) * chunks_ + c][lane_];
      return;
    }
    const StageUpdate& update = updates().one_layer(kind_of(s));
    const auto more = static_cast<double>(layers_of(s) - 1);
    start_[s][lane_] = update.clip + update.update + more * updates().layer().update;
    double updated = update.clip, free = 0;
    for (std::size_t c = 0; c < chunks_; ++c) {
      double& come = come_[s * chunks_ + c][lane_] = 0;
      const Variant& chunk = variant(s, c);
      const StageUpdate& own = updates().one_layer(chunk.kind);
      if (own.gathers.empty()) continue;
      // When each bucket's parameters have come, and how much of the first forward is left from where it needs them.
      gathered_.clear();
      for_each_bucket(own.gathers, chunk.layers, [&](const BucketCollective& one, std::int64_t) {
        updated += one.after;
        free = std::max(free, updated) + one.seconds;
        gathered_.push_back(free);
      });
      const double whole = chunk.chunk.forward.begin[lane_] + chunk.chunk.forward.end[lane_];
      std::size_t b = 0;
      for_each_bucket(passes().one_layer(chunk.kind).needs, chunk.layers,
                      [&](const BucketPoint& need, std::int64_t ahead) {
                        const double needed = need.at + static_cast<double>(ahead) * passes().layer().forward;
                        come = std::max(come, gathered_[b++] + whole - needed);
                      });
    }
    lane_free_[s][lane_] = free;
  }

  /// Goes through the reductions beside the compute lane; reduced_ gets when each has ended. `at`: the end of the passes;
  /// where reductions only begin there, with the collectives before each, which take time of the compute lane.
  void reduce(std::size_t s, double& at) {
    double free = lane_free_[s][lane_];
    reduced_.clear();
    const auto reduce = [&](double ready, double seconds) {
      free = std::max(free, ready) + seconds;
      reduced_.push_back(free);
    };
    for (std::size_t c = chunks_; c-- > 0;) {
      const Variant& chunk = variant(s, c);
      const StageUpdate& update = updates().one_layer(chunk.kind);
      if (update.reduces.empty()) continue;
      const std::vector<BucketPoint>& completes = passes().one_layer(chunk.kind).completes;
      const LastBackward& last = run_.last_backward(s * chunks_ + c);
      const PassOf<Lanes>& pass = chunk.chunk.last_backward;
      const double taken = last.taken[lane_] + passes().ahead(chunk.kind, beside_);
      const double layer = passes().layer().last_backward;
      std::size_t next = 0;
      for_each_bucket(update.reduces, chunk.layers, [&](const BucketCollective& one, std::int64_t ahead) {
        if (!one.in_pass) {
          at += one.after;
          reduce(at, one.seconds);
          return;
        }
        // The last layer may complete behind the message that is sent, those before it a layer's time earlier each.
        const BucketPoint& point = completes[next];
        const bool inner = one.layer && ahead + 1 < chunk.layers;
        if (!inner) ++next;
        if (!point.after_sent)
          reduce(taken + point.at + static_cast<double>(ahead) * layer, one.seconds);
        else if (inner)
          reduce(last.taken[lane_] + pass.begin[lane_] + pass.end[lane_] + point.at -
                     static_cast<double>(chunk.layers - 1 - ahead) * layer,
                 one.seconds);
        else
          reduce(last.sent[lane_] + point.at, one.seconds);
      });
    }
  }

  /// From the last pass to the meeting of all.
  double finish() {
    struct Standing {
      double at{};
      std::size_t item{};
    };
    std::array<Standing, 2> ends;  // that have come to the meeting of the ends
    double ends_meet = 0, all_meet = 0, latest = 0;
    const auto go_on = [&](std::size_t s, Standing& standing) {
      const StageUpdate& update = updates().one_layer(kind_of(s));
      const auto more = static_cast<double>(layers_of(s) - 1);
      for (; standing.item < update.finish.items.size(); ++standing.item) {
        const Finish::Item& item = update.finish.items[standing.item];
        standing.at += item.before;
        if (standing.item == 0 && update.reduces.empty()) standing.at += more * updates().layer().reduce;
        switch (item.until) {
          case Finish::Until::reduced:
            standing.at =
                std::max(standing.at, item.from_first ? reduced_[item.number]
                                                      : reduced_[reduced_.size() - 1 - item.number]);
            break;
          case Finish::Until::ends_meet: ends_meet = std::max(ends_meet, item.seconds); return;
          case Finish::Until::all_meet:
            standing.at += more * updates().layer().norm + (s + 1 == stages_ ? entry_->more_losses : 0);
            all_meet = std::max(all_meet, item.seconds);
            latest = std::max(latest, standing.at);
            return;
        }
      }
    };
    for (std::size_t s = 0; s < stages_; ++s) {
      Standing standing{.at = run_.stage_end(s)[lane_]};
      reduce(s, standing.at);
      go_on(s, standing);
      if (s == 0) ends[0] = standing, std::swap(reduced_, reduced_by_first_);
      if (s + 1 == stages_) ends[1] = standing;
    }
    const std::vector<Finish::Item>& items = updates().one_layer(kind_of(0)).finish.items;
    if (stages_ > 1 && ends[0].item < items.size() && items[ends[0].item].until == Finish::Until::ends_meet) {
      const double met = std::max(ends[0].at, ends[1].at) + ends_meet;
      for (Standing& end : ends) end = {met, end.item + 1};
      go_on(stages_ - 1, ends[1]);  // reduced_ is that of the last stage
      std::swap(reduced_, reduced_by_first_);
      go_on(0, ends[0]);
    }
    return latest + all_meet;
  }

  PipelineRun run_;
  // Of the plans that are gone through:
  Shape shape_;
  std::size_t stages_{1}, chunks_{1};
  bool beside_{};
  std::vector<Variant> variants_;
  std::vector<std::size_t> variant_of_;  // by cell
  std::vector<std::int64_t> layers_;     // by stage
  std::vector<const ChunkOf<Lanes>*> cells_;
  std::vector<Lanes> come_, start_, lane_free_;
  // Of one of them:
  const Entry* entry_{};
  std::size_t lane_{};
  std::vector<double> gathered_, reduced_, reduced_by_first_;
};

}  // namespace

struct StepEstimator::Impl {
  explicit Impl(const Job& job) : base(job), models(base) {}

  /// Plans of one shape that wait for others.
  struct Group {
    std::array<Steps::Entry, kLanes> entries;
    std::array<std::size_t, kLanes> numbers{};
    std::size_t count{};
  };
  using GroupKey = std::tuple<Shape, bool>;

  void finish(const Shape& shape, Group& group, std::span<std::optional<Seconds>> seconds) {
    std::array<double, kLanes> times{};
    const bool went = steps.run(shape, std::span(group.entries).first(group.count), times);
    for (std::size_t lane = 0; lane < group.count; ++lane)
      seconds[group.numbers[lane]] = went ? std::optional(Seconds{times[lane]}) : std::nullopt;
    group.count = 0;
  }

  Job base;
  Models models;
  Steps steps;
};

StepEstimator::StepEstimator(const Job& base) : impl_(std::make_unique<Impl>(base)) {}
StepEstimator::~StepEstimator() = default;

std::optional<Seconds> StepEstimator::step_time(const Plan& plan) {
  std::optional<Seconds> seconds;
  step_times(std::span(&plan, 1), std::span(&seconds, 1));
  return seconds;
}

void StepEstimator::step_times(std::span<const Plan> plans, std::span<std::optional<Seconds>> seconds) {
  std::map<Impl::GroupKey, Impl::Group> groups;
  for (std::size_t i = 0; i < plans.size(); ++i) {
    const Plan& plan = plans[i];
    seconds[i] = std::nullopt;
    if (!covered(impl_->base, plan)) continue;
    const std::int64_t micro_batches = impl_->base.train.global_batch / (plan.dp * plan.micro_batch);
    const std::optional<PassModel>& passes = impl_->models.passes_of(plan, micro_batches);
    const std::optional<UpdateModel>& updates = impl_->models.updates_of(plan);
    if (!passes || !updates) continue;
    const Shape shape{.schedule = plan.schedule,
                      .stages = static_cast<std::int32_t>(plan.pp),
                      .chunks = static_cast<std::int32_t>(plan.vpp),
                      .micro_batches = static_cast<std::int32_t>(micro_batches)};
    Impl::Group& group = groups[{shape, plan.overlap.p2p}];
    if (group.count > 0 && group.entries[0].plan->stage_layers != plan.stage_layers)
      impl_->finish(shape, group, seconds);
    group.entries[group.count] = {&plan, &*passes, &*updates, impl_->models.more_losses(plan, micro_batches)};
    group.numbers[group.count++] = i;
    if (group.count == kLanes) impl_->finish(shape, group, seconds);
  }
  for (auto& [key, group] : groups)
    if (group.count > 0) impl_->finish(std::get<Shape>(key), group, seconds);
}

}  // namespace ds::tuner
