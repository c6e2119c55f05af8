#pragma once
// The plans that a search may try: a list of values for each key of the plan that varies, every combination of them, by
// number.
//
//   const Space space = read_space(base, {.pins = {"plan.tp=8"}});   // InputError: --pin, JSON path, value, what is right
//   workload::Job job = space.base();
//   for (Index i = 0; i < space.size(); ++i)
//     if (!space.take(i, job)) ...                                   // job now has plan i, complete and legal
//
// Keys that do not vary stand as in the job, or follow from others as in the job reader (`dp` from the number of GPUs).

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "simulator/base/json.h"
#include "simulator/workload/job.h"

namespace ds::tuner {

/// A plan's number in its space.
using Index = std::int64_t;

/// A key of the plan that may vary. Inside, its values are whole numbers: a count, 0 or 1, or the place in an enum.
struct Setting {
  std::string_view name;                // tp, overlap.p2p
  std::int64_t (*read)(const Cursor&);  // throws InputError
  std::string (*spell)(std::int64_t);   // as after `--set plan.NAME=`
  std::int64_t (*get)(const workload::Plan&);
  void (*set)(workload::Plan&, std::int64_t);
  std::optional<std::int64_t> off;  // where nothing of it is used
};

/// All of them, in the order in which plans are numbered: the last varies fastest.
std::span<const Setting> settings();

struct Dimension {
  const Setting* setting;
  std::vector<std::int64_t> values;
};

class Space {
 public:
  /// `base`: read by workload::read_job_parts; what holds for every plan of the space has been checked.
  /// `cores`: most ranks on a CPU machine whose job does not ask for a number of them.
  Space(workload::Job base, std::vector<Dimension> dimensions, std::int64_t cores);

  /// Combinations, legal or not.
  Index size() const { return size_; }
  const std::vector<Dimension>& dimensions() const { return dimensions_; }
  const workload::Job& base() const { return base_; }

  /// Puts plan `index` into `job`, a copy of base(). Nothing: it is legal and complete. Else the JSON path of the rule
  /// that it breaks or of what is not supported, or kTwin or kMoreThanCores; then only `job.plan` can be used.
  std::optional<std::string_view> take(Index index, workload::Job& job) const;

  /// The plan's number, if it is one of the space, no twin and legal.
  std::optional<Index> find(const workload::Plan& plan) const;

 private:
  void put(Index index, workload::Plan& plan) const;
  bool has(std::string_view name, std::int64_t value) const;
  bool is_twin(const workload::Job& job) const;

  workload::Job base_;
  std::vector<Dimension> dimensions_;
  Index size_{1};
  std::int64_t most_ranks_{0};   // 0: any number
  std::int64_t fixed_ranks_{0};  // dp follows from these; 0: it is fixed or varies
  bool schedule_follows_{}, sequence_parallel_follows_{}, zero_follows_{};
};

/// A plan that differs from another one of the space only by what has no effect there, or none but to take more memory.
inline constexpr std::string_view kTwin = "the same as another";
inline constexpr std::string_view kMoreThanCores = "more ranks than cores";

/// What the command line says about the space.
struct Wishes {
  std::string file;                  // an object: key of the plan -> list of values; "": the default space
  std::vector<std::string> pins;     // plan.tp=8
  std::vector<std::string> forbids;  // plan.recompute, plan.schedule=gpipe
  std::int64_t cores{1};             // of the machine, where the job is on CPUs
};

/// Throws InputError also for what no plan could mend: a rule of the model, a feature that is not built.
Space read_space(const workload::Job& base, const Wishes& wishes);

/// Values of the default space; of keys that it does not vary, that of the job.
std::vector<std::int64_t> default_values(const Setting& setting, const workload::Job& base,
                                         std::int64_t cores);

/// "tp 8 pp 8 dp 8, micro-batch 1, sequence parallel, zero 1": what differs from a plan that uses nothing.
std::string describe(const workload::Plan& plan);
/// And what else varies in the space: no two plans of it are described alike.
std::string describe(const workload::Plan& plan, const Space& space);

}  // namespace ds::tuner
