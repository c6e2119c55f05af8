#include "tuner/estimate/step_estimator.h"

#include <algorithm>
#include <array>
#include <tuple>
#include <utility>
#include <vector>

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
  return schedule == Schedule::gpipe || schedule == Schedule::one_f_one_b || schedule == Schedule::interleaved;
}

/// Neighbours in the pipeline are equally far from each other everywhere: in one node, or each in another one.
bool evenly_far(const Job& job) {
  const std::int64_t per_node = job.cluster.groups.front().node.gpus_per_node;
  const std::int64_t stride = job.plan.tp * job.plan.cp * job.plan.dp;
  return job.plan.pp == 1 || stride % per_node == 0 || stride * job.plan.pp <= per_node;
}

bool covered(const Job& job) {
  const Plan& plan = job.plan;
  const bool pipeline_last = plan.placement.size() >= 2 && plan.placement.ends_with("pp");
  return !job.cluster.cpu() && known(plan.schedule) && (plan.pp > 1 || plan.vpp == 1) && plan.cp == 1 &&
         plan.tp * plan.dp * plan.pp > 1 && pipeline_last && evenly_far(job) &&
         std::ranges::all_of(plan.stage_layers, [](const std::vector<std::int64_t>& chunks) {
           return std::ranges::all_of(chunks, [](std::int64_t layers) { return layers > 0; });
         });
}

/// Probes of one layer and what a further one adds.
const std::vector<std::int64_t> kPipelineLayers{1, 1, 2, 1}, kOneLayer{1}, kTwoLayers{2};

template <class Model>
std::optional<Model> model_of(const Job& job, std::int64_t micro_batches, const program::Coordinates& extents,
                              const cost::Machine& machine, Zeroes zeroes) {
  const auto probe = [&](const std::vector<std::int64_t>& layers) {
    return make_probe(job, layers, micro_batches, extents, machine, zeroes);
  };
  if (extents.pp > 1) return Model::read(probe(kPipelineLayers), nullptr);
  const Probe further = probe(kTwoLayers);
  return Model::read(probe(kOneLayer), &further);
}

program::Coordinates extents_of(const Plan& plan) {
  return {static_cast<std::int32_t>(plan.tp), static_cast<std::int32_t>(plan.cp),
          static_cast<std::int32_t>(plan.dp), static_cast<std::int32_t>(plan.pp)};
}

}  // namespace

struct StepEstimator::Impl {
  explicit Impl(const Job& job) : base(job) {}

  const cost::Machine& machine_of(const Job& job) {
    std::unique_ptr<cost::Machine>& machine =
        machines[{job.plan.precision, job.plan.attention, job.plan.dropout}];
    if (!machine) machine = std::make_unique<cost::Machine>(job, no_profile);
    return *machine;
  }

  const std::optional<PassModel>& passes_of(const Job& job) {
    const Plan& plan = job.plan;
    const bool single = job.micro_batches() == 1;
    const PassKey key{plan.tp, plan.dp, plan.pp, plan.micro_batch, plan.sequence_parallel, plan.recompute,
                      plan.precision, plan.attention, plan.overlap.tp_comm, single && plan.overlap.grad_reduce};
    const auto [found, is_new] = passes.try_emplace(key);
    if (is_new) {
      Job probe = job;
      probe.plan.dp = 2;
      probe.plan.zero = 1;
      probe.plan.overlap.grad_reduce = probe.plan.overlap.param_gather = probe.plan.overlap.p2p = true;
      found->second = model_of<PassModel>(probe, std::get<9>(key) ? 1 : kMicroBatches, extents_of(plan), machine_of(job), Zeroes::left_out);
    }
    return found->second;
  }

  const std::optional<UpdateModel>& updates_of(const Job& job) {
    const Plan& plan = job.plan;
    const UpdateKey key{plan.tp, plan.dp, plan.pp, plan.sequence_parallel, plan.precision, plan.zero,
                        plan.overlap.grad_reduce, plan.overlap.param_gather};
    const auto [found, is_new] = updates.try_emplace(key);
    if (is_new) {
      Job probe = job;
      probe.plan.micro_batch = 1;
      probe.plan.recompute = workload::Recompute::none;
      probe.plan.overlap.p2p = probe.plan.overlap.tp_comm = false;
      found->second = model_of<UpdateModel>(probe, kMicroBatches, extents_of(plan), machine_of(job), Zeroes::counted);
    }
    return found->second;
  }

  /// The loss's sum over micro-batches, which the probe has few of.
  double more_losses(const Job& job) {
    const std::int64_t micro_batches = job.micro_batches();
    const auto [found, is_new] = losses.try_emplace({micro_batches, job.plan.precision}, 0.0);
    if (is_new) {
      const bool fp64 = job.plan.precision == workload::Precision::fp64;
      const auto seconds = [&](std::int64_t n) {
        const ops::Op op{.what = ops::LossSum{.micro_batches = n, .copies = job.plan.tp},
                         .pass = ops::Pass::update,
                         .type = fp64 ? DataType::fp64 : DataType::fp32};
        return machine_of(job).time(op).seconds.value;
      };
      found->second = seconds(micro_batches) - seconds(kMicroBatches);
    }
    return found->second;
  }

  /// tp, dp, pp, micro-batch, sequence parallel, recompute, precision, attention, tp_comm, one micro-batch.
  using PassKey = std::tuple<std::int64_t, std::int64_t, std::int64_t, std::int64_t, bool, workload::Recompute,
                             workload::Precision, workload::Attention, bool, bool>;
  /// tp, dp, pp, sequence parallel, precision, zero, grad_reduce, param_gather.
  using UpdateKey = std::tuple<std::int64_t, std::int64_t, std::int64_t, bool, workload::Precision, int, bool, bool>;

  Job base;
  cost::Profile no_profile;
  std::map<std::tuple<workload::Precision, workload::Attention, double>, std::unique_ptr<cost::Machine>> machines;
  std::map<PassKey, std::optional<PassModel>> passes;
  std::map<UpdateKey, std::optional<UpdateModel>> updates;
  std::map<std::pair<std::int64_t, workload::Precision>, double> losses;

  PipelineRun run;
};

namespace {

/// One step of one plan.
class Step {
 public:
  Step(const Job& job, const PassModel& passes, const UpdateModel& updates, double more_losses, PipelineRun& run)
      : job_(job), plan_(job.plan), passes_(passes), updates_(updates), more_losses_(more_losses), run_(run) {}

  std::optional<Seconds> time() {
    const auto stages = static_cast<std::size_t>(plan_.pp), chunks = static_cast<std::size_t>(plan_.vpp);
    seconds_.resize(stages * chunks);
    come_.assign(stages * chunks, 0);
    cells_.resize(stages * chunks);
    start_.resize(stages);
    lane_free_.assign(stages, 0);
    for (std::size_t s = 0; s < stages; ++s) begin(s);
    for (std::size_t cell = 0; cell < cells_.size(); ++cell) {
      seconds_[cell].weights_come = come_[cell];
      cells_[cell] = &seconds_[cell];
    }
    const Pipeline pipeline{.schedule = plan_.schedule,
                            .stages = static_cast<std::int32_t>(plan_.pp),
                            .chunks = static_cast<std::int32_t>(plan_.vpp),
                            .micro_batches = static_cast<std::int32_t>(job_.micro_batches()),
                            .beside = beside()};
    if (!run_.play(pipeline, cells_, start_)) return std::nullopt;
    return finish();
  }

 private:
  /// Messages are received beside the compute lane.
  bool beside() const { return plan_.overlap.p2p && plan_.pp > 1; }
  Kind kind_of(std::size_t stage) const {
    if (plan_.pp == 1) return Kind::only;
    if (stage == 0) return Kind::first;
    return stage + 1 == static_cast<std::size_t>(plan_.pp) ? Kind::last : Kind::middle;
  }
  /// A chunk inside a stage at an end of the pipeline may be one of the middle of the model.
  Kind kind_of(std::size_t stage, std::size_t chunk) const {
    const Kind kind = kind_of(stage);
    if (kind == Kind::first && chunk > 0) return Kind::middle;
    if (kind == Kind::last && chunk + 1 < static_cast<std::size_t>(plan_.vpp)) return Kind::middle;
    return kind;
  }
  std::int64_t layers_of(std::size_t stage, std::size_t chunk) const { return plan_.stage_layers[stage][chunk]; }
  std::int64_t layers_of(std::size_t stage) const {
    std::int64_t sum = 0;
    for (const std::int64_t layers : plan_.stage_layers[stage]) sum += layers;
    return sum;
  }

  /// Calls fn(collective) for the buckets of a chunk in the order of `list`: a layer's once for each.
  template <class List, class Fn>
  static void for_each_bucket(const List& list, std::int64_t layers, Fn&& fn) {
    std::int64_t ahead = 0;  // layers before
    for (const auto& one : list) {
      fn(one, ahead);
      if (!one.layer) continue;
      while (++ahead < layers) fn(one, ahead);
      --ahead;
    }
  }

  /// From the last step's meeting to the first pass of a stage.
  void begin(std::size_t s) {
    const auto chunks = static_cast<std::size_t>(plan_.vpp);
    const StageUpdate& update = updates_.one_layer(kind_of(s));
    const auto more = static_cast<double>(layers_of(s) - 1);
    start_[s] = update.clip + update.update + more * updates_.layer().update;
    double updated = update.clip;
    for (std::size_t c = 0; c < chunks; ++c) {
      const Kind kind = kind_of(s, c);
      const std::int64_t layers = layers_of(s, c);
      ChunkSeconds& chunk = seconds_[s * chunks + c] = passes_.seconds(kind, layers, beside());
      if (!plan_.overlap.grad_reduce || plan_.dp == 1) chunk.last_backward = chunk.backward;
      const StageUpdate& own = updates_.one_layer(kind);
      chunk.first_backward.ahead += own.zero + static_cast<double>(layers - 1) * updates_.layer().zero;
      if (job_.micro_batches() == 1) chunk.last_backward = chunk.first_backward;
      if (own.gathers.empty()) continue;
      // When each bucket's parameters have come, and how much of the first forward is left from where it needs them.
      gathered_.clear();
      for_each_bucket(own.gathers, layers, [&](const BucketCollective& one, std::int64_t) {
        updated += one.after;
        lane_free_[s] = std::max(lane_free_[s], updated) + one.seconds;
        gathered_.push_back(lane_free_[s]);
      });
      const double whole = chunk.forward.begin + chunk.forward.end;
      std::size_t b = 0;
      const ChunkModel& model = passes_.one_layer(kind);
      for_each_bucket(model.needs, layers, [&](const BucketPoint& need, std::int64_t ahead) {
        const double needed = need.at + static_cast<double>(ahead) * passes_.layer().forward;
        come_[s * chunks + c] = std::max(come_[s * chunks + c], gathered_[b++] + whole - needed);
      });
    }
  }

  /// Goes through the reductions beside the compute lane; reduced_ gets when each has ended. `at`: the end of the passes;
  /// where the reductions only begin there, with the collectives before each, which take time of the compute lane.
  void reduce(std::size_t s, double& at) {
    const auto chunks = static_cast<std::size_t>(plan_.vpp);
    double free = lane_free_[s];
    reduced_.clear();
    const auto reduce = [&](double ready, double seconds) {
      free = std::max(free, ready) + seconds;
      reduced_.push_back(free);
    };
    for (std::size_t c = chunks; c-- > 0;) {
      const Kind kind = kind_of(s, c);
      const StageUpdate& update = updates_.one_layer(kind);
      if (!update.reduces_early) {
        for_each_bucket(update.reduces, layers_of(s, c), [&](const BucketCollective& one, std::int64_t) {
          at += one.after;
          reduce(at, one.seconds);
        });
        continue;
      }
      const LastBackward& last = run_.last_backward(s, c);
      const std::vector<BucketPoint>& completes = passes_.one_layer(kind).completes;
      const std::int64_t layers = layers_of(s, c);
      const PassSeconds& pass = seconds_[s * chunks + c].last_backward;
      const double step = passes_.layer().last_backward;
      const double ahead_of_taking = passes_.ahead(kind, beside());
      std::size_t i = 0;
      for_each_bucket(completes, layers, [&](const BucketPoint& point, std::int64_t ahead) {
        // The last layer may complete behind the message that is sent, those before it a layer's time earlier each.
        const double seconds = update.reduces[i].seconds;
        if (!point.layer || ahead + 1 == layers) ++i;
        if (point.after_sent && point.layer && ahead + 1 < layers)
          reduce(last.taken + pass.begin + pass.end + point.at - static_cast<double>(layers - 1 - ahead) * step, seconds);
        else if (point.after_sent)
          reduce(last.sent + point.at, seconds);
        else
          reduce(last.taken + ahead_of_taking + point.at + static_cast<double>(ahead) * step, seconds);
      });
    }
  }

  /// From the last pass to the meeting of all.
  Seconds finish() {
    const auto stages = static_cast<std::size_t>(plan_.pp);
    struct Standing {
      double at{};
      std::size_t item{};
    };
    std::array<Standing, 2> ends;  // that have come to the meeting of the ends
    double ends_meet = 0, all_meet = 0, latest = 0;
    const auto go_on = [&](std::size_t s, Standing& standing) {
      const StageUpdate& update = updates_.one_layer(kind_of(s));
      const auto more = static_cast<double>(layers_of(s) - 1);
      for (; standing.item < update.finish.items.size(); ++standing.item) {
        const Finish::Item& item = update.finish.items[standing.item];
        standing.at += item.before;
        if (standing.item == 0 && (update.reduces_early || update.reduces.empty()))
          standing.at += more * updates_.layer().reduce;
        switch (item.until) {
          case Finish::Until::reduced:
            standing.at = std::max(
                standing.at, item.from_first ? reduced_[item.number] : reduced_[reduced_.size() - 1 - item.number]);
            break;
          case Finish::Until::ends_meet: ends_meet = std::max(ends_meet, item.seconds); return;
          case Finish::Until::all_meet:
            standing.at += more * updates_.layer().norm + (s + 1 == stages ? more_losses_ : 0);
            all_meet = std::max(all_meet, item.seconds);
            latest = std::max(latest, standing.at);
            return;
        }
      }
    };
    for (std::size_t s = 0; s < stages; ++s) {
      Standing standing{.at = run_.stage_end(s)};
      reduce(s, standing.at);
      go_on(s, standing);
      if (s == 0) ends[0] = standing, std::swap(reduced_, reduced_by_first_);
      if (s + 1 == stages) ends[1] = standing;
    }
    const std::vector<Finish::Item>& items = updates_.one_layer(kind_of(0)).finish.items;
    if (stages > 1 && ends[0].item < items.size() && items[ends[0].item].until == Finish::Until::ends_meet) {
      const double met = std::max(ends[0].at, ends[1].at) + ends_meet;
      for (Standing& end : ends) end = {met, end.item + 1};
      go_on(stages - 1, ends[1]);  // reduced_ is that of the last stage
      std::swap(reduced_, reduced_by_first_);
      go_on(0, ends[0]);
    }
    return {latest + all_meet};
  }

  const Job& job_;
  const Plan& plan_;
  const PassModel& passes_;
  const UpdateModel& updates_;
  double more_losses_;
  PipelineRun& run_;
  std::vector<ChunkSeconds> seconds_;  // by stage and chunk
  std::vector<const ChunkSeconds*> cells_;
  std::vector<double> come_, start_, lane_free_, gathered_, reduced_, reduced_by_first_;
};

}  // namespace

StepEstimator::StepEstimator(const Job& base) : impl_(std::make_unique<Impl>(base)) {}
StepEstimator::~StepEstimator() = default;

std::optional<Seconds> StepEstimator::step_time(const Job& candidate) {
  if (!covered(candidate)) return std::nullopt;
  const std::optional<PassModel>& passes = impl_->passes_of(candidate);
  const std::optional<UpdateModel>& updates = impl_->updates_of(candidate);
  if (!passes || !updates) return std::nullopt;
  return Step(candidate, *passes, *updates, impl_->more_losses(candidate), impl_->run).time();
}

}  // namespace ds::tuner
