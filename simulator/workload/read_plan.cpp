// `plan`, by the table of its keys: read from a job, written as JSON, and described by the schema.
#include <fmt/format.h>

#include <algorithm>
#include <functional>

#include "simulator/workload/plan_keys.h"

namespace ds::workload {
namespace {

/// overlap.p2p: the object and what it holds; a plain key has no object.
struct Path {
  std::string_view object, leaf;
};
Path path_of(const PlanKey& key) {
  const std::size_t dot = key.name.find('.');
  if (dot == std::string_view::npos) return {.object = {}, .leaf = key.name};
  return {.object = key.name.substr(0, dot), .leaf = key.name.substr(dot + 1)};
}

/// A plan has these, and an object of it those: each once, in the order of the table.
std::vector<std::string_view> members_of(std::string_view object) {
  std::vector<std::string_view> names;
  for (const PlanKey& key : plan_keys()) {
    const Path path = path_of(key);
    const std::string_view name = object.empty() && !path.object.empty() ? path.object : path.leaf;
    if ((object.empty() || path.object == object) && std::ranges::find(names, name) == names.end())
      names.push_back(name);
  }
  return names;
}

std::optional<Cursor> find(const std::optional<Cursor>& plan, const PlanKey& key) {
  const Path path = path_of(key);
  const std::optional<Cursor> at = plan && !path.object.empty() ? plan->find(path.object) : plan;
  if (!at) return std::nullopt;
  if (!path.object.empty()) at->only(members_of(path.object));
  return at->find(path.leaf);
}

void take_default(const PlanKey& key, const Job& job, Plan& plan, const Defaults& defaults) {
  const PlanDefault& otherwise = key.otherwise;
  if (otherwise.fill != nullptr) otherwise.fill(job, plan);
  std::string value = otherwise.says != nullptr    ? otherwise.says(job, plan)
                      : key.value.spell != nullptr ? key.value.spell(key.value.get(plan))
                                                   : key.value.write(plan);
  if (value.empty()) return;
  const std::string_view why = otherwise.why != nullptr ? otherwise.why(job, plan) : "default";
  defaults.assume(fmt::format("plan.{}", key.name), std::move(value), std::string(why));
}

/// The keys as one JSON object, those of an object of the plan inside it; `text` gives the value of a key, "" for none.
std::string nested(const std::function<std::string(const PlanKey&)>& text,
                   const std::function<std::string(const std::string&)>& wrapped) {
  std::string members;
  const auto append = [](std::string& to, std::string_view name, const std::string& value) {
    to += fmt::format(R"({}"{}": {})", to.empty() ? "" : ", ", name, value);
  };
  for (const std::string_view name : members_of({})) {
    std::string inner;
    for (const PlanKey& key : plan_keys()) {
      const Path path = path_of(key);
      if (path.object.empty() ? path.leaf != name : path.object != name) continue;
      const std::string value = text(key);
      if (value.empty()) continue;
      append(path.object.empty() ? members : inner, path.leaf, value);
    }
    if (!inner.empty()) append(members, name, wrapped(inner));
  }
  return wrapped(members);
}

}  // namespace

Plan read_plan(const std::optional<Cursor>& at, const Job& job, const Defaults& defaults) {
  if (at) at->only(members_of({}));
  Plan plan;
  for (const PlanKey& key : plan_keys())
    if (const std::optional<Cursor> found = find(at, key))
      key.value.read(*found, plan, defaults);
    else
      take_default(key, job, plan, defaults);
  return plan;
}

std::string write_plan(const Plan& plan) {
  return nested([&](const PlanKey& key) { return key.value.write(plan); },
                [](const std::string& members) { return fmt::format("{{{}}}", members); });
}

std::string plan_schema() {
  return nested([](const PlanKey& key) { return key.value.schema(); },
                [](const std::string& members) {
                  return fmt::format(
                      R"({{"type": "object", "additionalProperties": false, "properties": {{{}}}}})",
                      members);
                });
}

}  // namespace ds::workload
