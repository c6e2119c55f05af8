#include "tuner/estimate/estimator.h"

#include <algorithm>
#include <functional>
#include <map>
#include <span>
#include <tuple>
#include <utility>
#include <vector>

#include "simulator/base/thread_pool.h"
#include "tuner/estimate/models.h"
#include "tuner/estimate/peak_estimator.h"
#include "tuner/estimate/shape.h"
#include "tuner/estimate/steps.h"

namespace ds::tuner {
namespace {

using workload::Job;
using workload::Plan;

/// Neighbours in the pipeline are equally far from each other everywhere: in one node, or each in another one.
bool evenly_far(const Plan& plan, std::int64_t per_node) {
  const std::int64_t stride = plan.tp * plan.cp * plan.dp;
  return plan.pp == 1 || stride % per_node == 0 || stride * plan.pp <= per_node;
}

/// A router is whole on every tensor-parallel rank, so it has a bucket beside that of its layer.
bool one_bucket_a_layer(const Job& base, const Plan& plan) {
  return (!base.model.moe && !base.model.mla) || plan.tp == 1;
}

bool covered(const Job& base, const Plan& plan) {
  const bool pipeline_last = plan.placement.size() >= 2 && plan.placement.ends_with("pp");
  return probes_serve(base, plan) && base.cluster.groups.size() == 1 && one_bucket_a_layer(base, plan) &&
         (plan.pp > 1 || plan.vpp == 1) && plan.tp * plan.dp * plan.pp > 1 && pipeline_last &&
         evenly_far(plan, base.cluster.groups.front().node.gpus_per_node) &&
         ((!plan.stage_layers_given && base.model.layers >= plan.pp * plan.vpp) ||
          std::ranges::all_of(plan.stage_layers, [](const std::vector<std::int64_t>& chunks) {
            return std::ranges::all_of(chunks, [](std::int64_t layers) { return layers > 0; });
          }));
}

/// Where not given, the number of chunks says how layers are split.
bool split_alike(const Plan& a, const Plan& b) {
  return (!a.stage_layers_given && !b.stage_layers_given) || a.stage_layers == b.stage_layers;
}

/// Plans whose small programs serve no others.
struct Unit {
  Unit(const Job& base, std::shared_ptr<Machines> machines, std::shared_ptr<StageShapes> shapes)
      : models(base, std::move(machines)), peaks(base, std::move(shapes)) {}
  Models models;
  PeakEstimator peaks;
};
using UnitKey = std::tuple<std::int64_t, bool, workload::Precision>;  // tp, sequence parallel

/// Its plans among those asked for.
struct UnitWork {
  Unit* unit{};
  std::vector<std::size_t> numbers;
};

/// Plans whose steps are gone through together.
struct Together {
  Shape shape;
  std::vector<Steps::Entry> entries;
  double work() const {  // roughly
    return static_cast<double>(entries.size()) * shape.stages * shape.chunks *
           Turns::shortened(shape).micro_batches;
  }
};

/// Groups in the order in which their first plans come.
class Grouping {
 public:
  void add(const Shape& shape, const Steps::Entry& entry) {
    those_like(shape, *entry.plan).entries.push_back(entry);
  }
  std::vector<Together> take() { return std::move(groups_); }

 private:
  Together& those_like(const Shape& shape, const Plan& plan) {
    std::vector<std::size_t>& numbers = numbers_[{shape, plan.overlap.p2p}];
    for (const std::size_t number : numbers)
      if (split_alike(*groups_[number].entries.front().plan, plan)) return groups_[number];
    numbers.push_back(groups_.size());
    return groups_.emplace_back(shape);
  }

  std::vector<Together> groups_;
  std::map<std::pair<Shape, bool>, std::vector<std::size_t>> numbers_;  // shape, messages beside
};

}  // namespace

struct Estimator::Impl {
  Impl(Job job, std::size_t threads)
      : base(std::move(job)),
        pool(threads),
        machines(std::make_shared<Machines>(base)),
        shapes(std::make_shared<StageShapes>()) {
    const auto turns = std::make_shared<TurnsOfShapes>();
    for (std::size_t member = 0; member < pool.size(); ++member) steps.emplace_back(turns);
  }

  Unit& unit_of(const Plan& plan) {
    std::unique_ptr<Unit>& unit = units[{plan.tp, plan.sequence_parallel, plan.precision}];
    if (!unit) unit = std::make_unique<Unit>(base, machines, shapes);
    return *unit;
  }

  std::vector<UnitWork> units_of(std::span<const Plan> plans) {
    std::vector<UnitWork> work;
    std::map<Unit*, std::size_t> known;
    for (std::size_t i = 0; i < plans.size(); ++i) {
      Unit* const unit = &unit_of(plans[i]);
      const auto [found, is_new] = known.try_emplace(unit, work.size());
      if (is_new) work.push_back({.unit = unit, .numbers = {}});
      work[found->second].numbers.push_back(i);
    }
    std::ranges::stable_sort(work, std::greater<>{}, [](const UnitWork& one) { return one.numbers.size(); });
    return work;
  }

  /// Without passes where it is not covered.
  Steps::Entry entry_of(Unit& unit, const Plan& plan, std::size_t number) const {
    Steps::Entry entry{.plan = &plan, .number = number};
    if (!covered(base, plan)) return entry;
    const std::int64_t micro_batches = base.micro_batches_of(plan);
    const Models::Passes& passes = unit.models.passes_of(plan, micro_batches);
    const std::optional<UpdateModel>& updates = unit.models.updates_of(plan);
    if (!passes.model || !updates) return entry;
    entry.passes = &*passes.model;
    entry.passes_numbers = passes.numbers;
    entry.updates = &*updates;
    entry.more_losses = unit.models.more_losses(plan, micro_batches);
    return entry;
  }

  std::vector<Together> groups_of(std::span<const Steps::Entry> entries) const {
    Grouping grouping;
    for (const Steps::Entry& entry : entries)
      if (entry.passes != nullptr) grouping.add(shape_of(base, *entry.plan), entry);
    std::vector<Together> groups = grouping.take();
    std::ranges::stable_sort(groups, std::greater<>{}, &Together::work);  // long ones first: all end at once
    return groups;
  }

  Job base;
  ThreadPool pool;
  std::shared_ptr<Machines> machines;
  std::shared_ptr<StageShapes> shapes;
  std::map<UnitKey, std::unique_ptr<Unit>> units;
  std::vector<Steps> steps;  // by member of the pool
};

Estimator::Estimator(const Job& base, std::size_t threads) : impl_(std::make_unique<Impl>(base, threads)) {}
Estimator::~Estimator() = default;

Estimate Estimator::estimate(const Plan& plan) {
  Estimate estimate;
  this->estimate(std::span(&plan, 1), std::span(&estimate, 1));
  return estimate;
}

void Estimator::estimate(std::span<const Plan> plans, std::span<Estimate> estimates,
                         const std::function<bool()>& enough) {
  std::ranges::fill(estimates, Estimate{});
  std::vector<Steps::Entry> entries(plans.size());
  std::vector<UnitWork> work = impl_->units_of(plans);
  impl_->pool.share(work.size(), [&](std::size_t piece, std::size_t /*member*/) {
    if (enough && enough()) return;
    Unit& unit = *work[piece].unit;
    // Plans of one probe after another: it is priced while it is near.
    std::ranges::stable_sort(work[piece].numbers, {}, [&](std::size_t i) {
      const Plan& plan = plans[i];
      return std::tuple(plan.recompute, plan.pp == 1, plan.zero, plan.dp, plan.micro_batch);
    });
    for (const std::size_t i : work[piece].numbers) {
      estimates[i].peak = unit.peaks.peak(plans[i]);
      entries[i] = impl_->entry_of(unit, plans[i], i);
    }
  });
  std::vector<Together> groups = impl_->groups_of(entries);
  impl_->pool.share(groups.size(), [&](std::size_t piece, std::size_t member) {
    if (enough && enough()) return;
    impl_->steps[member].run(groups[piece].shape, groups[piece].entries, estimates);
  });
}

}  // namespace ds::tuner
