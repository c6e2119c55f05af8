// Combinations by digits and by number, and which of them are plans: legality is judged here, once.
#include "tuner/space/space.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "simulator/base/error.h"
#include "simulator/workload/rules.h"
#include "simulator/workload/settle.h"
#include "simulator/workload/supported.h"
#include "tuner/space/orders.h"

namespace ds::tuner {
namespace {

using workload::Plan;
using workload::PlanKey;
using workload::Schedule;

/// Whether the reader took a default for that key.
bool was_assumed(const workload::Job& job, const PlanKey& key) {
  return std::ranges::any_of(job.assumptions, [&](const workload::Assumption& a) {
    return a.path.starts_with("plan.") && std::string_view(a.path).substr(5) == key.name;
  });
}

}  // namespace

std::string_view words_of(const Rejection& rejection) {
  switch (rejection.reason) {
    case Reason::rule:
    case Reason::unsupported: return rejection.path;
    case Reason::duplicate: return "the same as another";
    case Reason::more_ranks_than_cores: return "more ranks than cores";
    case Reason::memory: return "too large";
    case Reason::bound: return "cut by bound";
    case Reason::evaluated: return "evaluated";
    case Reason::unseen: return "not seen";
  }
  return "?";
}

Space::Space(workload::Job base, std::vector<Dimension> dimensions, std::int64_t cores)
    : base_(std::move(base)),
      dimensions_(std::move(dimensions)),
      orders_(std::make_shared<OrdersLike1f1b>()) {
  for (const Dimension& dimension : dimensions_)
    if (__builtin_mul_overflow(size_, std::ssize(dimension.values), &size_) || size_ > kMaxWhole)
      throw InputError("the space", "has too many combinations", "fewer values make fewer");
  if (base_.cluster.cpu() && !base_.cluster.asked_ranks) most_ranks_ = cores;
  for (const PlanKey& key : workload::plan_keys()) {
    const auto varies = [&](const Dimension& d) { return d.key == &key; };
    if (key.otherwise.fill == nullptr || std::ranges::any_of(dimensions_, varies)) continue;
    const bool always = key.follows(base_);
    if (always) key.otherwise.fill(base_, base_.plan);  // whatever the job's own plan is
    if (key.otherwise.depends_on_plan && (always || was_assumed(base_, key))) following_.push_back(&key);
  }
  has_1f1b_ = has("schedule", static_cast<std::int64_t>(Schedule::one_f_one_b));
  has_no_sequence_parallel_ = has("sequence_parallel", 0);
  has_no_zero_ = has("zero", 0);
  has_no_embedding_ = has("embedding_as_layers", 0);
  has_no_head_ = has("head_as_layers", 0);
}

Candidate Space::candidate(Index index) const {
  Candidate digits(dimensions_.size());
  for (std::size_t d = dimensions_.size(); d-- > 0;) {
    const Index values = std::ssize(dimensions_[d].values);
    digits[d] = static_cast<std::int32_t>(index % values);
    index /= values;
  }
  return digits;
}

Index Space::index(const Candidate& candidate) const {
  Index index = 0;
  for (std::size_t d = 0; d < dimensions_.size(); ++d)
    index = index * std::ssize(dimensions_[d].values) + candidate[d];
  return index;
}

void Space::put(const Candidate& candidate, Plan& plan) const {
  for (std::size_t d = 0; d < dimensions_.size(); ++d)
    dimensions_[d].key->value.set(plan, dimensions_[d].values[static_cast<std::size_t>(candidate[d])]);
  for (const PlanKey* key : following_) key->otherwise.fill(base_, plan);
}

bool Space::has(std::string_view name, std::int64_t value) const {
  const auto found = std::ranges::find(dimensions_, name, [](const Dimension& d) { return d.key->name; });
  return found != dimensions_.end() && std::ranges::find(found->values, value) != found->values.end();
}

bool Space::has_an_unused_feature(const Plan& plan) const {
  return (plan.tp == 1 && plan.sequence_parallel && has_no_sequence_parallel_) ||
         (plan.dp * plan.cp == 1 && plan.zero != 0 && has_no_zero_) ||
         (plan.pp == 1 && ((plan.embedding_as_layers != 0 && has_no_embedding_) ||
                           (plan.head_as_layers != 0 && has_no_head_)));
}

/// 1f1b has no rules of its own: where another schedule keeps its rules, so does the plan with 1f1b in its place.
bool Space::has_the_order_of_1f1b(const workload::Job& job) const {
  const Plan& plan = job.plan;
  return has_1f1b_ && plan.vpp == 1 && plan.schedule != Schedule::one_f_one_b &&
         orders_->has(plan.schedule, plan.pp, job.micro_batches());
}

std::optional<Rejection> Space::decode_into(const Candidate& candidate, workload::Job& job) const {
  put(candidate, job.plan);
  if (const auto violation = workload::first_violation(job))
    return Rejection{Reason::rule, violation->rule->path};
  const std::optional<std::string_view> unsupported = workload::first_unsupported(job);
  const Plan& plan = job.plan;
  if (has_an_unused_feature(plan) || (!unsupported && has_the_order_of_1f1b(job)))
    return Rejection{Reason::duplicate};
  if (most_ranks_ > 0 && plan.tp * plan.pp * plan.cp * plan.dp > most_ranks_)
    return Rejection{Reason::more_ranks_than_cores};
  if (unsupported) return Rejection{Reason::unsupported, *unsupported};
  workload::settle(job);
  return std::nullopt;
}

std::variant<workload::Job, Rejection> Space::decode(const Candidate& candidate) const {
  workload::Job job = base_;
  if (const auto rejection = decode_into(candidate, job)) return *rejection;
  return job;
}

std::vector<bool> Space::legal_values(Candidate candidate, std::size_t dimension) const {
  std::vector<bool> legal(dimensions_[dimension].values.size());
  workload::Job job = base_;
  for (std::size_t v = 0; v < legal.size(); ++v) {
    candidate[dimension] = static_cast<std::int32_t>(v);
    legal[v] = !decode_into(candidate, job);
  }
  return legal;
}

std::optional<Candidate> Space::find(const Plan& plan) const {
  Candidate digits;
  for (const Dimension& dimension : dimensions_) {
    const auto at = std::ranges::find(dimension.values, dimension.key->value.get(plan));
    if (at == dimension.values.end()) return std::nullopt;
    digits.push_back(static_cast<std::int32_t>(at - dimension.values.begin()));
  }
  workload::Job job = base_;
  if (decode_into(digits, job)) return std::nullopt;
  return job.plan == plan ? std::optional(digits) : std::nullopt;
}

}  // namespace ds::tuner
