#include "tuner/estimate/models.h"

#include "simulator/workload/limits.h"

namespace ds::tuner {

using workload::Job;
using workload::Plan;

namespace {

// Micro-batches of probes: enough for every wait of passes to occur; a first backward and a last one.
constexpr std::int64_t kForPasses = 8, kForUpdates = 2;

}  // namespace

const cost::Machine& Machines::of(const Plan& plan) {
  const auto job_of = [&] {
    Job job = base_;
    job.plan = plan;
    return job;
  };
  // Only what it knows of communications and products is shared, which no plan changes.
  const cost::Machine& any = any_.of({}, [&] { return cost::Machine(job_of(), no_profile_); });
  return all_.of({plan.precision, plan.attention, plan.dropout},
                 [&] { return cost::Machine(job_of(), any); });
}

const Models::Passes& Models::passes_of(const Plan& plan, std::int64_t micro_batches) {
  // Whether reductions have a lane of their own, and begin behind the last backward where something precedes them.
  const bool lane = plan.dp > 1 && (plan.overlap.grad_reduce || plan.overlap.param_gather);
  const bool single = micro_batches == 1 && lane, late = lane && !plan.overlap.grad_reduce;
  const PassProbeKey probe_key{
      plan.tp,        plan.pp == 1, plan.sequence_parallel, plan.recompute, plan.precision,
      plan.attention, plan.dropout, plan.overlap.tp_comm,   single,         late};
  const auto [found, is_new] = passes_.try_emplace({probe_key, plan.micro_batch, neighbours(plan)});
  if (!is_new) return found->second;
  const auto [probes, is_new_probe] = pass_probes_.try_emplace(probe_key);
  if (is_new_probe) {
    Job job = base_;
    job.plan = plan;
    job.plan.dp = job.plan.zero_group = 2;
    job.plan.zero = 1;
    job.plan.overlap.grad_reduce = !late;
    job.plan.overlap.param_gather = job.plan.overlap.p2p = true;
    probes->second = Probes(job, plan.pp > 1, single ? 1 : kForPasses);
  }
  Plan around = plan;
  if (neighbours(plan) == 0) {  // the smallest such plan: the fewer groups there are, the more are known
    around.dp = around.zero_group = std::min(plan.dp, std::max<std::int64_t>(2, per_node_ / plan.tp));
    around.pp = std::min<std::int64_t>(plan.pp, 3);
  }
  Passes& passes = found->second;
  passes.model = probes->second.read<PassModel>(plan.micro_batch, program::grid_of(around),
                                                machines_->of(plan), Zeroes::left_out);
  if (passes.model) passes.numbers = &*pass_numbers_.insert(passes.model->numbers()).first;
  return passes;
}

const std::optional<UpdateModel>& Models::updates_of(const Plan& plan) {
  const auto [found, is_new] = updates_.try_emplace({update_probe_key(plan, plan.dp), plan.dp, plan.pp});
  if (!is_new) return found->second;
  // Where every rank keeps everything, only the costs of communications tell numbers of data-parallel ranks apart.
  const std::int64_t ranks = plan.zero > 0 ? plan.dp : std::min<std::int64_t>(plan.dp, 2);
  const auto [probes, is_new_probe] = update_probes_.try_emplace(update_probe_key(plan, ranks));
  if (is_new_probe) {
    Job job = base_;
    job.plan = plan;
    job.plan.dp = job.plan.zero_group = ranks;
    job.plan.recompute = workload::Recompute::none;
    job.plan.overlap.p2p = job.plan.overlap.tp_comm = false;
    probes->second = Probes(job, plan.pp > 1, kForUpdates);
  }
  return found->second = probes->second.read<UpdateModel>(1, program::grid_of(plan), machines_->of(plan),
                                                          Zeroes::counted);
}

double Models::more_losses(const Plan& plan, std::int64_t micro_batches) {
  const auto [found, is_new] = losses_.try_emplace({micro_batches, plan.precision}, 0.0);
  if (is_new) {
    const bool fp64 = plan.precision == workload::Precision::fp64;
    const auto seconds = [&](std::int64_t n) {
      const ops::Op op{.what = ops::LossSum{.micro_batches = n, .copies = plan.tp},
                       .pass = ops::Pass::update,
                       .type = fp64 ? DataType::fp64 : DataType::fp32};
      return machines_->of(plan).time(op).seconds.value;
    };
    found->second = seconds(micro_batches) - seconds(kForUpdates);
  }
  return found->second;
}

Models::UpdateProbeKey Models::update_probe_key(const Plan& plan, std::int64_t ranks) {
  return {plan.tp,
          ranks,
          plan.pp == 1,
          plan.sequence_parallel,
          plan.precision,
          plan.dropout,
          plan.zero,
          plan.overlap.grad_reduce,
          plan.overlap.param_gather};
}

std::int64_t Models::neighbours(const Plan& plan) const {
  const bool tp_first = plan.placement.starts_with("tp");
  // A single stage finds its layer's collectives by what they take, which is nothing where it has nobody to reduce with.
  const bool alone = plan.pp == 1 && plan.dp == 1;
  if (tp_first && !alone && plan.tp * plan.dp % per_node_ == 0 &&
      (plan.tp % per_node_ == 0 || per_node_ % plan.tp == 0))
    return 0;
  return plan.dp * workload::kMaxDegree + plan.pp;
}

}  // namespace ds::tuner
