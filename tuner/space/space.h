#pragma once
// The plans that a search may try: a list of values for each key of the plan that varies, and every combination of them.
//
//   const Space space = read_space(base, {.pins = {"plan.tp=8"}});   // InputError: --pin, JSON path, value, what is right
//   workload::Job job = space.base();
//   for (Index i = 0; i < space.size(); ++i)
//     if (!space.decode_into(space.candidate(i), job)) ...           // job now has plan i, complete and legal
//
// A combination is a `Candidate`, one digit a dimension, or its number: the digits read in the mixed radix of the dimensions.
// Keys that do not vary stand as in the job, or follow from others as in the job reader (`dp` from the number of GPUs).

#include <compare>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "simulator/workload/job.h"
#include "simulator/workload/plan_keys.h"

namespace ds::tuner {

/// A key of the plan and the values that it takes in a space: of each its number in workload::PlanValue.
struct Dimension {
  const workload::PlanKey* key;
  std::vector<std::int64_t> values;
};

/// A combination: for each dimension the place of its value in Dimension::values.
using Candidate = std::vector<std::int32_t>;
/// A combination's number; the digit of the last dimension varies fastest.
using Index = std::int64_t;

/// What became of a candidate. The first four are known without predicting anything.
enum class Reason : std::uint8_t {
  rule,         // breaks a rule between keys
  unsupported,  // uses what is not built yet
  duplicate,    // differs from another one only by what has no effect there, or none but to take more memory
  more_ranks_than_cores,
  memory,  // does not fit
  bound,   // cannot be faster than those that are known
  evaluated,
  unseen  // nobody came to it
};

/// Why a candidate is no plan.
struct Rejection {
  Reason reason{};
  std::string_view path;  // the key that the rule names, or that is not supported; else ""
  auto operator<=>(const Rejection&) const = default;
};
/// For people and reports: the path, "the same as another", "more ranks than cores".
std::string_view words_of(const Rejection& rejection);

class OrdersLike1f1b;

class Space {
 public:
  /// `base`: read by workload::read_job_parts; what holds for every plan of the space has been checked.
  /// `cores`: most ranks on a CPU machine whose job does not ask for a number of them.
  /// Throws InputError for more combinations than can be numbered.
  Space(workload::Job base, std::vector<Dimension> dimensions, std::int64_t cores);

  /// Combinations, legal or not.
  Index size() const { return size_; }
  const std::vector<Dimension>& dimensions() const { return dimensions_; }
  const workload::Job& base() const { return base_; }
  /// Keys that do not vary, and are filled from those that do.
  std::span<const workload::PlanKey* const> following() const { return following_; }

  /// 0 <= index < size().
  Candidate candidate(Index index) const;
  Index index(const Candidate& candidate) const;

  /// The job with the candidate's plan, complete and legal; or why there is none.
  std::variant<workload::Job, Rejection> decode(const Candidate& candidate) const;
  std::variant<workload::Job, Rejection> decode(Index index) const { return decode(candidate(index)); }
  /// The same into a job that was a copy of base() once, several times as fast. After a rejection only job.plan can be used.
  std::optional<Rejection> decode_into(const Candidate& candidate, workload::Job& job) const;

  /// The candidate's keys, and those that follow from them; nothing says that they make a plan.
  void put(const Candidate& candidate, workload::Plan& plan) const;

  /// For each value of a dimension, whether the candidate with that value is legal; its own digit there does not count.
  std::vector<bool> legal_values(Candidate candidate, std::size_t dimension) const;

  /// The plan's candidate, if it is one of the space and legal.
  std::optional<Candidate> find(const workload::Plan& plan) const;

 private:
  bool has(std::string_view name, std::int64_t value) const;
  bool has_an_unused_feature(const workload::Plan& plan) const;
  bool has_the_order_of_1f1b(const workload::Job& job) const;

  workload::Job base_;
  std::vector<Dimension> dimensions_;
  std::vector<const workload::PlanKey*> following_;
  Index size_{1};
  std::int64_t most_ranks_{0};  // 0: any number
  bool has_1f1b_{}, has_no_sequence_parallel_{}, has_no_zero_{}, has_no_embedding_{}, has_no_head_{};
  std::shared_ptr<OrdersLike1f1b> orders_;  // copies of the space share what has been compared
};

/// The space of every key that a search can vary.
inline constexpr std::string_view kWideSpace = "wide";

/// What the command line says about the space.
struct Constraints {
  std::string file;  // an object: key of the plan -> list of values; "": the default space; or kWideSpace
  std::vector<std::string> pins;     // plan.tp=8
  std::vector<std::string> forbids;  // plan.recompute, plan.schedule=gpipe
  std::int64_t cores{1};             // of the machine, where the job is on CPUs
};

/// Throws InputError also for what no plan could mend: a rule of the model, a feature that is not built.
Space read_space(const workload::Job& base, const Constraints& constraints);

/// Values of the default space; of keys that it does not vary, that of the job. `key` is one that a search can vary.
std::vector<std::int64_t> default_values(const workload::PlanKey& key, const workload::Job& base,
                                         std::int64_t cores);

/// "tp 8 pp 8 dp 8, micro-batch 1, sequence parallel, zero 1": what differs from a plan that uses nothing.
std::string describe(const workload::Plan& plan);
/// And what else varies in the space: no two plans of it are described alike.
std::string describe(const workload::Plan& plan, const Space& space);

}  // namespace ds::tuner
