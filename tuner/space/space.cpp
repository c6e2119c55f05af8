#include "tuner/space/space.h"

#include <fmt/format.h>

#include <algorithm>

#include "simulator/base/error.h"
#include "simulator/workload/limits.h"
#include "simulator/workload/rules.h"
#include "simulator/workload/settle.h"
#include "simulator/workload/supported.h"

namespace ds::tuner {
namespace {

using workload::Plan;
using workload::Schedule;

/// Whether the reader took a default for that key, which depends on other keys.
bool was_assumed(const workload::Job& job, std::string_view key) {
  return std::ranges::any_of(job.assumptions, [&](const workload::Assumption& a) {
    return a.path.starts_with("plan.") && std::string_view(a.path).substr(5) == key;
  });
}

}  // namespace

Space::Space(workload::Job base, std::vector<Dimension> dimensions, std::int64_t cores)
    : base_(std::move(base)), dimensions_(std::move(dimensions)) {
  const auto varies = [&](std::string_view key) {
    return std::ranges::any_of(dimensions_, [&](const Dimension& d) { return d.setting->name == key; });
  };
  for (const Dimension& dimension : dimensions_)
    if (__builtin_mul_overflow(size_, std::ssize(dimension.values), &size_) || size_ > kMaxWhole)
      throw InputError("the space", "has too many combinations", "fewer values make fewer");
  const bool dp_follows = !varies("dp");
  if (dp_follows && !base_.cluster.cpu()) fixed_ranks_ = base_.cluster.ranks();
  if (dp_follows && base_.cluster.asked_ranks) fixed_ranks_ = *base_.cluster.asked_ranks;
  if (base_.cluster.cpu() && !base_.cluster.asked_ranks) most_ranks_ = cores;
  schedule_follows_ = !varies("schedule") && was_assumed(base_, "schedule");
  sequence_parallel_follows_ = !varies("sequence_parallel") && was_assumed(base_, "sequence_parallel");
  zero_follows_ = !varies("zero") && was_assumed(base_, "zero");
  // A plan of the space is uniform, whatever the job's own plan is.
  base_.plan.stage_layers.clear();
  base_.plan.stage_layers_given = false;
  base_.plan.batch_shares.clear();
}

void Space::put(Index index, Plan& plan) const {
  for (std::size_t d = dimensions_.size(); d-- > 0;) {
    const Dimension& dimension = dimensions_[d];
    const Index values = std::ssize(dimension.values);
    dimension.setting->set(plan, dimension.values[static_cast<std::size_t>(index % values)]);
    index /= values;
  }
  // The rest as the job reader takes it.
  if (fixed_ranks_ > 0) {
    const std::int64_t others = std::min(plan.tp * plan.pp, workload::kMaxDegree) * plan.cp;
    plan.dp = std::clamp<std::int64_t>(fixed_ranks_ / others, 1, workload::kMaxDegree);
  }
  if (schedule_follows_) plan.schedule = plan.vpp > 1 ? Schedule::interleaved : Schedule::one_f_one_b;
  if (sequence_parallel_follows_) plan.sequence_parallel = plan.tp > 1;
  if (zero_follows_) plan.zero = plan.dp * plan.cp > 1 ? 1 : 0;
  plan.tp_rows = 1;
  plan.tp_columns = plan.tp;
  plan.zero_group = plan.dp * plan.cp;
}

bool Space::has(std::string_view name, std::int64_t value) const {
  const auto found = std::ranges::find(dimensions_, name, [](const Dimension& d) { return d.setting->name; });
  return found != dimensions_.end() && std::ranges::find(found->values, value) != found->values.end();
}

bool Space::is_twin(const workload::Job& job) const {
  const Plan& plan = job.plan;
  const bool has_1f1b = has("schedule", static_cast<std::int64_t>(Schedule::one_f_one_b));
  if (plan.tp == 1 && plan.sequence_parallel && has("sequence_parallel", 0)) return true;
  if (plan.dp * plan.cp == 1 && plan.zero != 0 && has("zero", 0)) return true;
  if (!has_1f1b || plan.vpp > 1) return false;
  // Of one chunk, interleaved warms up with twice as many micro-batches, where there are as many. So with two of them, or
  // without a pipeline, its passes are those of 1f1b. With one micro-batch gpipe's are; without a pipeline they are those in
  // an order that keeps more.
  const std::int64_t micro_batches = job.micro_batches();
  if (plan.schedule == Schedule::interleaved) return plan.pp == 1 || micro_batches <= 2;
  return plan.schedule == Schedule::gpipe && (plan.pp == 1 || micro_batches == 1);
}

std::optional<std::string_view> Space::take(Index index, workload::Job& job) const {
  put(index, job.plan);
  if (const auto violation = workload::first_violation(job)) return violation->rule->path;
  if (is_twin(job)) return kTwin;
  const Plan& plan = job.plan;
  if (most_ranks_ > 0 && plan.tp * plan.pp * plan.cp * plan.dp > most_ranks_) return kMoreThanCores;
  if (const auto unsupported = workload::first_unsupported(job)) return unsupported;
  workload::settle(job);
  return std::nullopt;
}

std::optional<Index> Space::find(const Plan& plan) const {
  Index index = 0;
  for (const Dimension& dimension : dimensions_) {
    const auto at = std::ranges::find(dimension.values, dimension.setting->get(plan));
    if (at == dimension.values.end()) return std::nullopt;
    index = index * std::ssize(dimension.values) + (at - dimension.values.begin());
  }
  workload::Job job = base_;
  if (take(index, job)) return std::nullopt;
  return job.plan == plan ? std::optional(index) : std::nullopt;
}

}  // namespace ds::tuner
