// The space as the command line asks for it: the default one or that of a file, narrowed by pins and forbids.

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <map>

#include "simulator/base/error.h"
#include "simulator/base/file.h"
#include "simulator/base/nearest.h"
#include "simulator/workload/aliases.h"
#include "simulator/workload/rules.h"
#include "simulator/workload/supported.h"
#include "tuner/space/space.h"

namespace ds::tuner {
namespace {

using workload::PlanKey;

constexpr std::size_t kMostValues = 4096;  // of one key in a file
constexpr std::string_view kPlan = "plan.";

std::vector<std::string_view> names() {
  std::vector<std::string_view> all;
  for (const PlanKey* key : workload::varied_plan_keys()) all.push_back(key->name);
  return all;
}

/// In the order in which plans are numbered, whatever the order in which keys were asked for.
class Dimensions {
 public:
  /// Empty: it does not vary.
  std::vector<std::int64_t>& of(const PlanKey& key) { return values_[&key]; }
  std::vector<Dimension> list() const {
    std::vector<Dimension> all;
    for (const PlanKey* key : workload::varied_plan_keys())
      if (const auto found = values_.find(key); found != values_.end() && !found->second.empty())
        all.push_back({key, found->second});
    return all;
  }

 private:
  std::map<const PlanKey*, std::vector<std::int64_t>> values_;  // never gone through: addresses have no order
};

/// Keys with candidates, but for those that follow from the others whatever the job says.
Dimensions default_space(const workload::Job& base, std::int64_t cores) {
  Dimensions dimensions;
  for (const PlanKey* key : workload::varied_plan_keys()) {
    if (key->in_default_space() && !key->follows(base))
      dimensions.of(*key) = default_values(*key, base, cores);
  }
  return dimensions;
}

/// Keys of the plan stand in a space as they are named there; with plan. in front, as objects, or by other programs' names they may be
/// meant all the same.
void refuse_other_keys(const Cursor& root) {
  const auto known = names();
  for (const auto& [key, value] : root.members()) {
    if (std::ranges::find(known, key) != known.end()) continue;
    std::string meant = key.starts_with(kPlan) ? key.substr(kPlan.size()) : workload::path_meant_by(key);
    if (meant.starts_with(kPlan)) meant.erase(0, kPlan.size());
    if (value.is_object() && !value.members().empty()) meant = key + "." + value.members().front().first;
    if (std::ranges::find(known, meant) != known.end())
      value.fail(std::string(kUnknownKey), fmt::format("did you mean {}?", json_text(meant)));
  }
  root.only(known);
}

/// Every key with all that makes sense for it.
Dimensions wide_space(const workload::Job& base, std::int64_t cores) {
  Dimensions dimensions;
  for (const PlanKey* key : workload::varied_plan_keys()) {
    if (!key->search) continue;
    const workload::PlanSearch& search = *key->search;
    std::vector<std::int64_t>& values = dimensions.of(*key);
    if (search.wide != nullptr)
      values = search.wide(base, cores);
    else if (key->in_default_space() && !key->follows(base))
      values = default_values(*key, base, cores);
    // Of one value, which is that of the job or follows from others.
    if (search.candidates == nullptr && values.size() == 1) values.clear();
  }
  return dimensions;
}

Dimensions space_of(const Cursor& root) {
  refuse_other_keys(root);
  Dimensions dimensions;
  for (const PlanKey* key : workload::varied_plan_keys()) {
    const auto at = root.find(key->name);
    if (!at) continue;
    std::vector<std::int64_t>& values = dimensions.of(*key);
    for (const Cursor& value : at->list(1, kMostValues)) {
      values.push_back(key->value.number(value));
      if (std::ranges::count(values, values.back()) > 1) value.fail("is listed twice");
    }
  }
  return dimensions;
}

/// An option that names a key of the plan, and perhaps a value: plan.tp=8.
struct Constraint {
  std::string_view option;
  std::string path;
  std::string value;  // "": none
};

Constraint parse(std::string_view option, const std::string& text) {
  const std::size_t equals = text.find('=');
  Constraint constraint{option, text.substr(0, equals),
                        equals == std::string::npos ? "" : text.substr(equals + 1)};
  if (!constraint.path.starts_with(kPlan) || (equals != std::string::npos && constraint.value.empty()))
    throw InputError(std::string(option), fmt::format("is {}", text),
                     fmt::format("a key of the plan is needed, as {} plan.tp=8", option));
  return constraint;
}

[[noreturn]] void refuse(const Constraint& constraint, std::string wrong, std::string hint = {}) {
  throw InputError(fmt::format("{} {}", constraint.option, constraint.path), std::move(wrong),
                   std::move(hint));
}

const PlanKey* key_of(const Constraint& constraint) {
  return workload::find_plan_key(std::string_view(constraint.path).substr(kPlan.size()));
}
/// Null where no search can vary it.
const PlanKey* varied_key_of(const Constraint& constraint) {
  const PlanKey* key = key_of(constraint);
  return key != nullptr && key->search ? key : nullptr;
}

[[noreturn]] void refuse_unknown(const Constraint& constraint) {
  const std::string near = nearest(constraint.path.substr(kPlan.size()), names());
  refuse(constraint, "is not a key that a search varies",
         near.empty() ? fmt::format("{} are; --set changes any other key of the job", listed(names()))
                      : fmt::format("did you mean plan.{}?", near));
}

/// JSON, else text, as after --set.
std::int64_t value_of(const Constraint& constraint, const PlanKey& key) {
  std::optional<Document> document;
  try {
    document = parse_document(constraint.value, "");
  } catch (const InputError&) {
    if (constraint.value.find_first_of("\"\\") != std::string::npos)
      refuse(constraint, "is neither a JSON value nor a word");
    document = parse_document("\"" + constraint.value + "\"", std::string(constraint.option));
  }
  return key.value.number(Cursor(document->value(), std::string(constraint.option), constraint.path));
}

void pin(Dimensions& dimensions, const std::string& text) {
  const Constraint constraint = parse("--pin", text);
  const PlanKey* key = varied_key_of(constraint);
  if (key == nullptr) refuse_unknown(constraint);
  if (constraint.value.empty())
    refuse(constraint, "has no value", fmt::format("--pin {}=VALUE has", constraint.path));
  dimensions.of(*key) = {value_of(constraint, *key)};
}

void forbid(Dimensions& dimensions, const workload::Job& base, std::int64_t cores, const std::string& text) {
  const Constraint constraint = parse("--forbid", text);
  const PlanKey* key = key_of(constraint);
  if (key == nullptr && constraint.value.empty()) {  // plan.offload: all that the object has
    bool any = false;
    for (const PlanKey& member : workload::plan_keys())
      if (member.name.starts_with(constraint.path.substr(kPlan.size()) + ".")) {
        forbid(dimensions, base, cores, std::string(kPlan) + std::string(member.name));
        any = true;
      }
    if (any) return;
  }
  if (key == nullptr || !key->search) {
    if (key == nullptr || key->used == nullptr || !constraint.value.empty()) refuse_unknown(constraint);
    if (key->used(base.plan)) refuse(constraint, "is in the job's own plan");
    return;
  }
  std::vector<std::int64_t>& values = dimensions.of(*key);
  if (values.empty()) values = default_values(*key, base, cores);
  std::vector<std::string> before;
  for (const std::int64_t value : values) before.push_back(key->value.spell(value));
  if (constraint.value.empty()) {
    const std::optional<std::int64_t> off = key->search->off;
    if (!off) refuse(constraint, "is nothing that can be left out", "forbid one of its values");
    std::erase_if(values, [&](std::int64_t value) { return value != *off; });
  } else {
    std::erase(values, value_of(constraint, *key));
  }
  if (values.empty())
    refuse(constraint, fmt::format("leaves no value to try, of {}", fmt::join(before, " and ")),
           "take back one of those that are forbidden, or pin one");
}

/// Throws for what no plan of the space could mend: asked of a plan that uses nothing.
void check_rest(workload::Job plain) {
  workload::Plan& plan = plain.plan;
  for (const PlanKey& key : workload::plan_keys()) {
    if (key.search && key.search->candidates != nullptr && key.search->off)
      key.value.set(plan, *key.search->off);
    if (!key.search && key.otherwise.always_taken != nullptr) key.otherwise.fill(plain, plan);
  }
  plan.micro_batch = plain.train.global_batch;  // the fewest micro-batches
  plan.schedule = workload::Schedule::one_f_one_b;
  const auto in_file = [&](const InputError& error) {
    return plain.file.empty() ? error : error.in_file(plain.file);
  };
  if (const auto violation = workload::first_violation(plain))
    if (violation->rule->path.starts_with("model.") || violation->rule->path == "cluster.nodes")
      throw in_file(workload::as_error(*violation, plain));
  workload::check_supported(plain);
}

}  // namespace

std::vector<std::int64_t> default_values(const PlanKey& key, const workload::Job& base, std::int64_t cores) {
  if (key.search && key.search->candidates != nullptr) return key.search->candidates(base, cores);
  return {key.value.get(base.plan)};
}

Space read_space(const workload::Job& base, const Constraints& constraints) {
  check_rest(base);
  Dimensions dimensions;
  if (constraints.file.empty())
    dimensions = default_space(base, constraints.cores);
  else if (constraints.file == kWideSpace)
    dimensions = wide_space(base, constraints.cores);
  else
    dimensions = space_of(read_document_argument(constraints.file).root());
  for (const std::string& text : constraints.pins) pin(dimensions, text);
  for (const std::string& text : constraints.forbids) forbid(dimensions, base, constraints.cores, text);
  return {base, dimensions.list(), constraints.cores};
}

}  // namespace ds::tuner
