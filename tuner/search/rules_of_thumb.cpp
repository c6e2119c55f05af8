// Ways to divide the ranks, likeliest first; of each the first plan that is legal and may fit, in the order in which people try.
#include "tuner/search/rules_of_thumb.h"

#include <algorithm>
#include <array>
#include <optional>
#include <string_view>
#include <tuple>
#include <utility>

namespace ds::tuner {
namespace {

constexpr std::string_view kDegrees[] = {"tp", "pp", "cp", "ep", "dp"};
constexpr std::size_t kMostMeshes = 20'000;

class RulesOfThumb {
 public:
  RulesOfThumb(const Space& space, Outlook& outlook) : space_(&space), outlook_(&outlook) {}

  std::vector<Candidate> list(std::size_t most) {
    std::vector<Candidate> plans;
    const std::vector<Candidate> all = meshes();
    for (const bool smallest : {false, true})
      for (const Candidate& mesh : all) {
        if (plans.size() >= most) return plans;
        std::optional<Candidate> plan = plan_on(mesh, smallest);
        if (plan && std::ranges::find(plans, *plan) == plans.end()) plans.push_back(std::move(*plan));
      }
    return plans;
  }

 private:
  using Digits = std::vector<std::int32_t>;

  std::optional<std::size_t> dimension(std::string_view name) const {
    const auto& all = space_->dimensions();
    const auto found = std::ranges::find(all, name, [](const Dimension& d) { return d.key->name; });
    if (found == all.end()) return std::nullopt;
    return static_cast<std::size_t>(found - all.begin());
  }
  /// What the candidate says; else what the job does.
  std::int64_t value(const Candidate& candidate, std::string_view name) const {
    const auto d = dimension(name);
    if (!d) return workload::find_plan_key(name)->value.get(space_->base().plan);
    return space_->dimensions()[*d].values[static_cast<std::size_t>(candidate[*d])];
  }

  /// The first digits of a dimension, at most `most`, in the order that `rank` of their values says.
  template <class Rank>
  Digits by(std::string_view name, std::size_t most, Rank rank) const {
    const auto d = dimension(name);
    if (!d) return {0};
    Digits digits;
    for (std::int32_t i = 0; i < std::ssize(space_->dimensions()[*d].values); ++i) digits.push_back(i);
    std::ranges::stable_sort(digits, {}, [&](std::int32_t i) {
      return rank(space_->dimensions()[*d].values[static_cast<std::size_t>(i)]);
    });
    digits.resize(std::min(digits.size(), most));
    return digits;
  }
  void put(Candidate& candidate, std::string_view name, std::int32_t digit) const {
    if (const auto d = dimension(name)) candidate[*d] = digit;
  }

  /// Candidates that differ by degrees alone, likeliest first. What they break is seen later.
  std::vector<Candidate> meshes() const {
    std::vector<Candidate> all{Candidate(space_->dimensions().size(), 0)};
    for (const std::string_view name : kDegrees) {
      const auto d = dimension(name);
      if (!d) continue;
      std::vector<Candidate> more;
      for (const Candidate& one : all)
        for (std::int32_t i = 0; i < std::ssize(space_->dimensions()[*d].values); ++i) {
          more.push_back(one);
          more.back()[*d] = i;
        }
      if (more.size() > kMostMeshes) more.resize(kMostMeshes);
      all = std::move(more);
    }
    const std::int64_t node = space_->base().cluster.groups.front().node.gpus_per_node;
    std::ranges::stable_sort(all, {}, [&](const Candidate& one) {
      const std::int64_t tp = value(one, "tp"), pp = value(one, "pp"), cp = value(one, "cp"),
                         ep = value(one, "ep");
      const bool beyond_node = !space_->base().cluster.cpu() && (tp > node || ep > node);
      return std::tuple(beyond_node, -ep, tp * pp * cp, -tp, -value(one, "dp"));
    });
    return all;
  }

  /// Switches that cost nothing or little: on, unless the plan is none with them.
  void take_habits(Candidate& candidate) const {
    for (std::size_t d = 0; d < candidate.size(); ++d) {
      const Dimension& dimension = space_->dimensions()[d];
      if (!dimension.key->name.starts_with("overlap.")) continue;
      const auto on = std::ranges::find(dimension.values, 1);
      if (on != dimension.values.end())
        candidate[d] = static_cast<std::int32_t>(on - dimension.values.begin());
    }
    const auto first = [](const Digits& digits) { return digits.front(); };
    put(candidate, "sequence_parallel", first(by("sequence_parallel", 1, [&](std::int64_t on) {
          return (value(candidate, "tp") > 1) != (on == 1);
        })));
    const std::int64_t usual = space_->base().habits.fsdp ? 3 : 1;
    put(candidate, "zero", first(by("zero", 1, [&](std::int64_t stage) { return std::abs(stage - usual); })));
    for (const std::string_view name : {"precision", "attention", "cp_kind", "dispatch", "cuda_graphs"})
      put(candidate, name, first(by(name, 1, [&](std::int64_t v) {
            return v != workload::find_plan_key(name)->value.get(space_->base().plan);
          })));
  }

  /// `smallest`: what takes the least memory first, for where what is known of that at once says too little.
  std::optional<Candidate> plan_on(Candidate candidate, bool smallest) {
    const std::int64_t sign = smallest ? -1 : 1;
    take_habits(candidate);
    workload::Job job = space_->base();
    constexpr auto kMostWords = static_cast<std::int64_t>(workload::Recompute::full);
    const auto up_to = [=](std::int64_t most) {
      return [=](std::int64_t v) { return std::pair(v > most, v > most ? v : -sign * v); };
    };
    const Digits recomputes =
        by("recompute", 3, [=](std::int64_t v) { return std::pair(v > kMostWords, sign * v); });
    const Digits chunks = by("vpp", 4, up_to(4)), sizes = by("micro_batch", 3, up_to(4)),
                 schedules = by("schedule", 2, order_of);
    for (const std::int32_t recompute : recomputes)
      for (const std::int32_t vpp : chunks)
        for (const std::int32_t schedule : schedules)
          for (const std::int32_t size : sizes) {
            put(candidate, "recompute", recompute);
            put(candidate, "vpp", vpp);
            put(candidate, "schedule", schedule);
            put(candidate, "micro_batch", size);
            if (may_be(candidate, job)) return candidate;
          }
    return std::nullopt;
  }

  /// 1f1b, then interleaved, then the rest.
  static std::int64_t order_of(std::int64_t schedule) {
    if (schedule == static_cast<std::int64_t>(workload::Schedule::one_f_one_b)) return -2;
    return schedule == static_cast<std::int64_t>(workload::Schedule::interleaved) ? -1 : schedule;
  }

  /// Legal, with micro-batches enough to fill the pipeline, and not known to be too large.
  bool may_be(Candidate& candidate, workload::Job& job) {
    std::optional<Rejection> why = space_->decode_into(candidate, job);
    if (why && why->reason == Reason::duplicate && dimension("zero")) {  // nothing to share out
      Candidate without = candidate;
      put(without, "zero", by("zero", 1, [](std::int64_t stage) { return stage; }).front());
      why = space_->decode_into(without, job);
      if (!why) candidate = without;
    }
    if (why || (job.plan.pp > 1 && job.micro_batches() < 2 * job.plan.pp && job.plan.micro_batch > 1))
      return false;
    return outlook_->look(std::span(&candidate, 1)).front().share_of_memory <= 1;
  }

  const Space* space_;
  Outlook* outlook_;
};

}  // namespace

std::vector<Candidate> plans_by_rule_of_thumb(const Space& space, Outlook& outlook, std::size_t most) {
  return RulesOfThumb(space, outlook).list(most);
}

}  // namespace ds::tuner
