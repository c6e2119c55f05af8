#pragma once
// Private to the table of plan keys: the kinds of values that many keys have, and the odd ones that one key has.

#include <fmt/format.h>

#include "simulator/workload/limits.h"
#include "simulator/workload/plan_keys.h"
#include "simulator/workload/spellings.h"

namespace ds::workload {

/// The number that tells a search of so many recomputed layers a stage.
std::int64_t number_of_recomputed_layers(std::int64_t layers);

std::string spell_count(std::int64_t value);
std::string spell_switch(std::int64_t value);
std::string schema_of_count(std::int64_t least, std::int64_t most);
std::string schema_of_switch();

/// {"enum": ["gpipe", "1f1b"]}
template <class Names>
std::string schema_of_words(const Names& names) {
  std::string text;
  for (const std::string_view name : names) text += fmt::format("{}\"{}\"", text.empty() ? "" : ", ", name);
  return fmt::format(R"({{"enum": [{}]}})", text);
}

/// A value that `number` and `set` read, and that is JSON as `spell` has it.
template <auto kNumber, auto kSpell, auto kGet, auto kSet, auto kSchema>
constexpr PlanValue whole_number() {
  return {.schema = kSchema,
          .read = [](const Cursor& at, Plan& plan, const Defaults&) { kSet(plan, kNumber(at)); },
          .write = [](const Plan& plan) { return kSpell(kGet(plan)); },
          .number = kNumber,
          .spell = kSpell,
          .get = kGet,
          .set = kSet};
}

/// From kLeast to kMost.
template <auto kMember, std::int64_t kLeast, std::int64_t kMost>
inline constexpr PlanValue kCount =
    whole_number<[](const Cursor& at) { return at.count(kLeast, kMost); }, spell_count,
                 [](const Plan& plan) { return static_cast<std::int64_t>(plan.*kMember); },
                 [](Plan& plan, std::int64_t value) {
                   plan.*kMember = static_cast<std::remove_reference_t<decltype(plan.*kMember)>>(value);
                 },
                 [] { return schema_of_count(kLeast, kMost); }>();

/// true or false.
template <auto kMember>
inline constexpr PlanValue kSwitch =
    whole_number<[](const Cursor& at) -> std::int64_t { return at.boolean() ? 1 : 0; }, spell_switch,
                 [](const Plan& plan) { return static_cast<std::int64_t>(plan.*kMember); },
                 [](Plan& plan, std::int64_t value) { plan.*kMember = value != 0; }, schema_of_switch>();
template <auto kMember>
inline constexpr PlanValue kOverlapSwitch =
    whole_number<[](const Cursor& at) -> std::int64_t { return at.boolean() ? 1 : 0; }, spell_switch,
                 [](const Plan& plan) { return static_cast<std::int64_t>(plan.overlap.*kMember); },
                 [](Plan& plan, std::int64_t value) { plan.overlap.*kMember = value != 0; },
                 schema_of_switch>();

/// A word of `kTable`, which spells the values of an enum.
template <auto kMember, const auto& kTable>
constexpr PlanValue word() {
  using Enum = std::remove_cvref_t<decltype(std::declval<Plan>().*kMember)>;
  return {.schema =
              [] {
                std::vector<std::string_view> names;
                for (const auto& entry : kTable) names.push_back(entry.name);
                return schema_of_words(names);
              },
          .read = [](const Cursor& at, Plan& plan, const Defaults&) { plan.*kMember = at.one_of(kTable); },
          .write =
              [](const Plan& plan) {
                const std::string_view name = name_in(kTable, plan.*kMember);
                return name == "?" ? std::string() : fmt::format("\"{}\"", name);
              },
          .number = [](const Cursor& at) { return static_cast<std::int64_t>(at.one_of(kTable)); },
          .spell = [](std::int64_t value) { return std::string(name_in(kTable, static_cast<Enum>(value))); },
          .get = [](const Plan& plan) { return static_cast<std::int64_t>(plan.*kMember); },
          .set = [](Plan& plan, std::int64_t value) { plan.*kMember = static_cast<Enum>(value); }};
}
template <auto kMember, const auto& kTable>
inline constexpr PlanValue kWord = word<kMember, kTable>();

// Those of one key each.
extern const PlanValue kTensorGrid, kScheduleValue, kOffloadedStates, kOffloadedLayers, kRecomputeValue,
    kFp8Recipe, kDropout, kFusion, kStageLayers, kBatchShares, kPlacement, kCollectives;

}  // namespace ds::workload
