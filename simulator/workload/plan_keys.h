#pragma once
// The table of what a plan can say: one row a key, read by everybody who reads plans, writes them, varies them, forbids
// their features or puts them into words. A key that is not in it is unknown to the job reader, to the schema, to `ds-tune`.
//
//   for (const PlanKey& key : plan_keys()) ...
//   const PlanKey* tp = find_plan_key("tp");
//   tp->value.set(plan, 8);                                      // no other keys change with it
//   write_plan(plan)                                             // {"tp": 8, "pp": 1, ...}
//
// The rows stand in plan_keys.cpp, in the order in which a plan is read: a default may depend on the keys above it alone.

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "simulator/base/json.h"
#include "simulator/workload/job.h"
#include "simulator/workload/reader.h"

namespace ds::workload {

/// How a key's value is read and written. Where it can be told by a whole number (a count, 0 or 1, the place in an enum),
/// `number`, `spell`, `get` and `set` do that, and a search can vary it; else they are null.
struct PlanValue {
  std::string (*schema)();  // JSON Schema (draft 7) of the value, as JSON text
  /// Throws InputError. `defaults` is for what an object leaves out.
  void (*read)(const Cursor& at, Plan& plan, const Defaults& defaults);
  /// JSON text; "" where leaving the key out is the only way to say it.
  std::string (*write)(const Plan& plan);

  std::int64_t (*number)(const Cursor& at){nullptr};  // throws InputError
  std::string (*spell)(std::int64_t value){nullptr};  // as after `--set plan.NAME=`
  std::int64_t (*get)(const Plan& plan){nullptr};
  void (*set)(Plan& plan, std::int64_t value){nullptr};
};

/// What a plan has that does not say the key. Without `fill`, the value of a fresh Plan.
struct PlanDefault {
  void (*fill)(const Job& job,
               Plan& plan){nullptr};  // job: model, cluster and habits; no allocation where nothing varies
  std::string_view (*why)(const Job& job, const Plan& plan){nullptr};  // null: "default"
  std::string (*says)(const Job& job, const Plan& plan){nullptr};  // "": nothing is assumed; null: as spelt
  bool depends_on_plan{false};                                     // else on the job alone
  bool (*always_taken)(const Job& job){
      nullptr};  // in plans of a search, whatever the job's own plan says; null: never
};

/// What a search does with a key whose value is a whole number.
struct PlanSearch {
  int turn{100};                    // keys by ascending turn: of a plan's number the last ones vary fastest
  std::optional<std::int64_t> off;  // the value that uses nothing of it
  /// Values of the default space on a machine of so many CPU cores. Null: there it does not vary.
  std::vector<std::int64_t> (*candidates)(const Job& job, std::int64_t cores){nullptr};
  /// Those of the wide space. Null: as the default space has it, or that of the job.
  std::vector<std::int64_t> (*wide)(const Job& job, std::int64_t cores){nullptr};
};

/// How a plan is put into words.
enum class Said : std::uint8_t {
  degree,    // tp 8: one beside the other, nothing at 1
  phrase,    // `phrase` says it, always
  as_value,  // bf16: in a space where it varies
  by_name  // zero_group 8: in a space where it varies; switches of one object together: overlap: p2p tp_comm
};
struct PlanWords {
  Said said{Said::by_name};
  int turn{100};                                // degrees and phrases by ascending turn
  std::string (*phrase)(const Plan&){nullptr};  // "": nothing to say
};

struct PlanKey {
  std::string_view name;  // tp, overlap.p2p: the path below `plan`
  PlanValue value;
  PlanDefault otherwise{};
  std::optional<PlanSearch> search;  // those that a search can vary; needs PlanValue::set
  PlanWords words{};
  bool (*used)(const Plan& plan){
      nullptr};  // of a feature that no search varies yet, but that may be forbidden

  bool in_default_space() const { return search && search->candidates != nullptr; }
  /// Whether plans of a search have its default, whatever the job's own plan says, unless it varies.
  bool follows(const Job& job) const {
    return otherwise.always_taken != nullptr && otherwise.always_taken(job);
  }
};

std::span<const PlanKey> plan_keys();
/// Null where there is none.
const PlanKey* find_plan_key(std::string_view name);
/// Those that a search can vary, by turn: the order in which plans are numbered.
std::span<const PlanKey* const> varied_plan_keys();

/// The plan as the JSON object of a job, on one line: read for the same job, it gives the same plan.
std::string write_plan(const Plan& plan);
/// The JSON Schema of that object: what stands at properties.plan of profiles/schemas/job.json.
std::string plan_schema();

}  // namespace ds::workload
