// Plans become forms and seconds; forms are evaluated for eight plans at a time.
#include "simulator/engine/plan_steps.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <functional>
#include <map>
#include <tuple>
#include <utility>

#include "simulator/base/thread_pool.h"
#include "simulator/engine/engine.h"
#include "simulator/engine/machines.h"
#include "simulator/engine/plan_bound.h"
#include "simulator/engine/plan_stages.h"
#include "simulator/engine/price.h"
#include "simulator/engine/step_form.h"
#include "simulator/engine/step_weights.h"
#include "simulator/engine/work_bound.h"
#include "simulator/program/schedule/schedule.h"
#include "simulator/workload/settle.h"

namespace ds::engine {
namespace {

using workload::Job;
using workload::Plan;

/// Outlines know no copies to the host in passes, nor what one chunk hands to another.
bool has_outlines(const Plan& plan) { return !workload::offloads_in_passes(plan) && !plan.turns_back(); }

/// In the one pass of all weight gradients, with exchanges beside work of the same pipeline, and where experts' shards are summed over
/// copies, the ways between lanes are more than a form looks at.
bool is_lowered(const Job& base, const Plan& plan) {
  if (!has_outlines(plan)) return true;
  if (plan.ep == 1) return false;
  const bool beside = plan.exchanges_apart() && program::directions_of(plan.schedule) == 1;
  const bool copies = plan.zero > 0 && plan.zero_group < plan.dp * plan.cp;
  return beside || copies || (workload::splits_backwards(plan.schedule) && base.micro_batches_of(plan) == 1);
}

/// A plan to be evaluated.
struct Entry {
  std::size_t number{};
  StepOrder order;
  PlanStages stages;
  const StepForm* form{};
};

/// Plans of one form, eight at a time or one alone.
class Evaluator {
 public:
  void run(std::span<Entry* const> entries, std::vector<Seconds>& result) {
    const StepForm& form = *entries.front()->form;
    if (entries.size() == 1) {
      const std::span<double> weights = one_.weights(form.tape);
      weigh(*entries.front(), [&](std::size_t w, double seconds) { weights[w] = seconds; });
      result[entries.front()->number] = {one_.step(form.tape)};
      return;
    }
    const std::span<maxplus::PlanVector> weights = eight_.weights(form.tape);
    for (std::size_t plan = 0; plan < maxplus::kPlans; ++plan) {
      // Places that are left over do what the last one does.
      const Entry& entry = *entries[std::min(plan, entries.size() - 1)];
      weigh(entry, [&](std::size_t w, double seconds) { weights[w][plan] = seconds; });
    }
    const maxplus::PlanVector steps = eight_.step(form.tape);
    for (std::size_t plan = 0; plan < entries.size(); ++plan) result[entries[plan]->number] = {steps[plan]};
  }

 private:
  template <class Put>
  void weigh(const Entry& entry, Put&& put) {
    step_weights_.of(entry.stages, *entry.form, put);
  }

  StepWeights step_weights_;
  maxplus::Evaluation<double> one_;
  maxplus::Evaluation<maxplus::PlanVector> eight_;
};

}  // namespace

struct PlanSteps::Impl {
  static constexpr std::size_t kMostRemembered = 4'000'000;  // items of outlines, some 250 bytes each
  static constexpr std::size_t kMostOfForms = 100'000'000;   // words of their tapes

  Impl(Job job, const cost::Profile& profile, std::size_t threads)
      : base(std::move(job)), pool(threads), machines(profile), evaluators(pool.size()) {}

  /// What is remembered of plans that have the same kinds of chunks.
  struct Unit {
    StageKinds kinds;
    WorkBound work;
  };
  Unit& unit_of(const Plan& plan) {
    std::unique_ptr<Unit>& unit = units[{plan.tp, plan.sequence_parallel, plan.precision}];
    // NOLINTNEXTLINE(modernize-make-unique): its parts cannot be moved
    if (!unit) unit.reset(new Unit{{base, machines, orders, shapes}, {base, machines, orders}});
    return *unit;
  }

  using Part = std::pair<Unit*, std::vector<std::size_t>>;
  /// Plans by whom they share remembered stages with; large parts first, so that all threads end together.
  std::vector<Part> parts_of(std::span<const Plan> plans) {
    forget_if_full();
    std::vector<Part> parts;
    std::map<Unit*, std::size_t> known;
    for (std::size_t i = 0; i < plans.size(); ++i) {
      Unit* const unit = &unit_of(plans[i]);
      const auto [found, is_new] = known.try_emplace(unit, parts.size());
      if (is_new) parts.emplace_back(unit, std::vector<std::size_t>{});
      parts[found->second].second.push_back(i);
    }
    std::ranges::stable_sort(parts, std::greater<>{}, [](const auto& part) { return part.second.size(); });
    return parts;
  }

  /// What is remembered only saves time. Nothing may hold on to it from one call to the next.
  void forget_if_full() {
    std::size_t remembered = 0;
    for (const auto& [key, unit] : units) remembered += unit->kinds.remembered();
    if (remembered > kMostRemembered) units.clear();
    if (forms.size() > kMostOfForms) forms.clear();
  }

  Seconds when_lowered(const Plan& plan) {
    Job job = base;
    job.plan = plan;
    workload::settle(job);
    const program::Program program =
        program::lower(job, program::Classes::per_stage, program::Hash::left_out);
    return analyse(program, price(program, *machines.of(job).machine)).step_time;
  }

  const StepForm* form_of(const Entry& entry) {
    std::vector<const StageOutline*> outlines;
    outlines.reserve(entry.stages.stages.size());
    for (const PlanStages::Stage& stage : entry.stages.stages)
      outlines.push_back(entry.stages.kinds[static_cast<std::size_t>(stage.kind)].outline);
    return &forms.of(entry.order, outlines);
  }

  Job base;
  ThreadPool pool;
  Machines machines;
  Orders orders;
  Shapes shapes;
  std::map<std::tuple<std::int64_t, bool, workload::Precision>, std::unique_ptr<Unit>> units;
  StepForms forms;
  std::vector<Evaluator> evaluators;  // by member of the pool
};

PlanSteps::PlanSteps(const Job& base, const cost::Profile& profile, std::size_t threads)
    : impl_(std::make_unique<Impl>(base, profile, threads)) {}
PlanSteps::~PlanSteps() = default;

std::vector<Seconds> PlanSteps::step_times(std::span<const Plan> plans, const std::function<bool()>& enough) {
  std::vector<Seconds> result(plans.size());
  std::vector<Entry> entries(plans.size());
  const auto parts = impl_->parts_of(plans);
  impl_->pool.share(parts.size(), [&](std::size_t piece, std::size_t /*member*/) {
    for (const std::size_t i : parts[piece].second) {
      if (enough && enough()) return;
      if (is_lowered(impl_->base, plans[i])) {
        result[i] = impl_->when_lowered(plans[i]);
        continue;
      }
      StageKinds& kinds = parts[piece].first->kinds;
      PlanStages stages = kinds.of(plans[i]);
      entries[i] = {i, Orders::step_order(kinds.job()), std::move(stages), nullptr};
    }
    parts[piece].first->kinds.forget_lowered();
  });
  impl_->pool.share(entries.size(), [&](std::size_t i, std::size_t /*member*/) {
    if (entries[i].stages.stages.empty() || (enough && enough())) return;
    entries[i].form = impl_->form_of(entries[i]);
  });
  std::map<const StepForm*, std::size_t> known;  // by form: the group that is not full
  std::vector<std::vector<Entry*>> groups;
  for (Entry& entry : entries) {
    if (entry.form == nullptr) continue;
    const auto [found, is_new] = known.try_emplace(entry.form, groups.size());
    if (!is_new && groups[found->second].size() == maxplus::kPlans) found->second = groups.size();
    if (found->second == groups.size()) groups.emplace_back();
    groups[found->second].push_back(&entry);
  }
  std::ranges::stable_sort(groups, std::greater<>{},
                           [](const auto& group) { return group.front()->form->tape.entries; });
  impl_->pool.share(groups.size(), [&](std::size_t piece, std::size_t member) {
    if (!enough || !enough()) impl_->evaluators[member].run(groups[piece], result);
  });
  return result;
}

std::vector<Seconds> PlanSteps::bounds(std::span<const Plan> plans, const std::function<bool()>& enough) {
  std::vector<Seconds> result(plans.size());
  const auto parts = impl_->parts_of(plans);
  impl_->pool.share(parts.size(), [&](std::size_t piece, std::size_t /*member*/) {
    StageKinds& kinds = parts[piece].first->kinds;
    for (const std::size_t i : parts[piece].second) {
      if (enough && enough()) return;
      if (!has_outlines(plans[i]) || plans[i].order() != plans[i].schedule) {
        result[i] = parts[piece].first->work.of(plans[i]);
        continue;
      }
      const PlanStages stages = kinds.of(plans[i]);
      result[i] = bound_of(
          stages, Orders::step_order(kinds.job()),
          program::directions_of(plans[i].schedule) > 1 ? &impl_->orders.calls(kinds.job()) : nullptr);
    }
    kinds.forget_lowered();
  });
  return result;
}

std::vector<Seconds> PlanSteps::work_bounds(std::span<const Plan> plans,
                                            const std::function<bool()>& enough) {
  std::vector<Seconds> result(plans.size());
  const auto parts = impl_->parts_of(plans);
  impl_->pool.share(parts.size(), [&](std::size_t piece, std::size_t /*member*/) {
    for (const std::size_t i : parts[piece].second) {
      if (enough && enough()) return;
      result[i] = parts[piece].first->work.of(plans[i]);
    }
  });
  return result;
}

}  // namespace ds::engine
