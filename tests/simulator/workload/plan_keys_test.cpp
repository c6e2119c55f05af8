// The table of plan keys: what it reads it writes, what it writes it reads, and the schema says the same.
// With DS_REWRITE_SCHEMA=1 the plan of profiles/schemas/job.json is written anew from the table.

#include "simulator/workload/plan_keys.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <nlohmann/json.hpp>
#include <set>

#include "tests/simulator/workload/jobs.h"

namespace ds::workload {
namespace {

using Json = nlohmann::ordered_json;

Plan read_alone(const std::string& text, std::vector<Assumption>& assumptions) {
  const Job job = small_job();
  const Document document = parse_document(text, "plan");
  return read_plan(document.root(), job, Defaults(assumptions));
}
Plan read_alone(const std::string& text) {
  std::vector<Assumption> assumptions;
  return read_alone(text, assumptions);
}

/// A value for each key that is not its default: a key that is missing here fails the test below.
const std::pair<std::string_view, std::vector<std::string>> kOthers[] = {
    {"tp", {"4"}},
    {"pp", {"4"}},
    {"cp", {"2"}},
    {"ep", {"2"}},
    {"etp", {"2"}},
    {"vpp", {"2"}},
    {"micro_batch", {"4"}},
    {"dp", {"3"}},
    {"tp_grid", {"[2, 2]"}},
    {"schedule", {R"("gpipe")", R"("zb-v")", R"("dualpipe")"}},
    {"sequence_parallel", {"true"}},
    {"zero", {"3", "0"}},
    {"zero_group", {"2"}},
    {"recompute", {R"("selective")", R"("full")", "3", R"(["core_attn", "moe_act"])"}},
    {"precision", {R"("fp8")", R"("fp64")"}},
    {"fp8_recipe", {R"("block")"}},
    {"reduce_precision", {R"("fp32")", R"("bf16")"}},
    {"dispatch", {R"("hierarchical")", R"("hybrid")"}},
    {"dispatch_precision", {R"("fp8")"}},
    {"cuda_graphs", {R"("none")", R"("partial")"}},
    {"cp_kind", {R"("all_to_all")"}},
    {"attention", {R"("unfused")"}},
    {"dropout", {"0.1", "0.30000000000000004"}},
    {"fusion", {"false", R"(["bias_gelu", "rope"])"}},
    {"sparsity", {R"("2:4")"}},
    {"offload.optimizer", {"true", "0.25"}},
    {"offload.weights", {"true"}},
    {"offload.activations", {"2", "0.25", "true"}},
    {"overlap.grad_reduce", {"false"}},
    {"overlap.param_gather", {"false"}},
    {"overlap.tp_comm", {"false"}},
    {"overlap.p2p", {"false"}},
    {"overlap.experts", {"true"}},
    {"overlap.shared_experts", {"true"}},
    {"embedding_as_layers", {"1"}},
    {"head_as_layers", {"3"}},
    {"stage_layers", {"[[3, 1], [2, 2]]"}},
    {"batch_shares", {"[1, 2, 3]"}},
    {"placement", {R"("pp-tp-cp-ep-dp")"}},
    {"collectives", {R"({"dp": "ring"})"}},
};

std::string in_objects(std::string_view name, const std::string& value) {
  const std::size_t dot = name.find('.');
  if (dot == std::string_view::npos) return "{\"" + std::string(name) + "\": " + value + "}";
  return in_objects(name.substr(0, dot), in_objects(name.substr(dot + 1), value));
}

TEST(PlanKeys, EveryKeyComesBackFromJson) {
  std::set<std::string_view> tried;
  const Plan plain = read_alone("{}");
  for (const auto& [name, values] : kOthers) {
    tried.insert(name);
    const PlanKey* key = find_plan_key(name);
    ASSERT_NE(key, nullptr) << name;
    for (const std::string& value : values) {
      const std::string text = in_objects(name, value);
      SCOPED_TRACE(text);
      const Plan plan = read_alone(text);
      EXPECT_NE(plan, plain);
      EXPECT_EQ(Json::parse(key->value.write(plan)), Json::parse(value));
      std::vector<Assumption> assumptions;
      EXPECT_EQ(read_alone(write_plan(plan), assumptions), plan) << write_plan(plan);
    }
  }
  for (const PlanKey& key : plan_keys()) EXPECT_TRUE(tried.contains(key.name)) << key.name;
}

TEST(PlanKeys, AWrittenPlanLeavesNothingToAssume) {
  std::vector<Assumption> assumptions;
  read_alone(write_plan(read_alone(R"({"tp": 2, "dropout": 0.1})")), assumptions);
  std::set<std::string> left;
  for (const Assumption& one : assumptions) left.insert(one.path);
  // These can be said in no other way than by leaving them out.
  EXPECT_EQ(left, (std::set<std::string>{"plan.batch_shares", "plan.collectives", "plan.reduce_precision"}));
}

/// Reading a value, setting its number and spelling the number for --set are three ways to the same plan.
TEST(PlanKeys, NumbersSpellingsAndJsonAgree) {
  int spelt = 0;
  for (const auto& [name, values] : kOthers) {
    const PlanKey& key = *find_plan_key(name);
    if (key.value.set == nullptr) continue;
    for (const std::string& value : values) {
      SCOPED_TRACE(in_objects(name, value));
      const Document document = parse_document(value, "value");
      const std::int64_t number = key.value.number(document.root());
      Plan set;
      key.value.set(set, number);
      EXPECT_EQ(key.value.get(set), number);
      std::vector<Assumption> assumptions;
      Plan read;
      key.value.read(document.root(), read, Defaults(assumptions));
      EXPECT_EQ(read, set);
      Document overridden = parse_document("{}", "job.json");
      apply_override(overridden, std::string(name) + "=" + key.value.spell(number));
      EXPECT_EQ(Json(overridden.value()), Json::parse(in_objects(name, value)));
      ++spelt;
    }
  }
  EXPECT_GT(spelt, 20);
}

TEST(PlanKeys, VaryInAnOrderWithoutTies) {
  std::set<int> turns;
  std::set<std::string_view> of_default_space;
  for (const PlanKey* key : varied_plan_keys()) {
    EXPECT_NE(key->value.set, nullptr) << key->name;
    if (key->search->candidates == nullptr) continue;
    EXPECT_TRUE(turns.insert(key->search->turn).second) << key->name;
    EXPECT_FALSE(key->search->candidates(small_job(), 4).empty()) << key->name;
    of_default_space.insert(key->name);
  }
  EXPECT_EQ(of_default_space.size(), 12U);
}

TEST(PlanKeys, TheSchemaSaysWhatTheTableSays) {
  Json schema = Json::parse(job_schema());
  Json& plan = schema["properties"]["plan"];
  if (std::getenv("DS_REWRITE_SCHEMA") != nullptr) {
    plan = Json::parse(plan_schema());
    std::ofstream(profiles_directory() / "schemas" / "job.json", std::ios::binary) << schema.dump(1) << "\n";
  }
  EXPECT_EQ(nlohmann::json(plan), nlohmann::json::parse(plan_schema()))
      << "if the table is right: DS_REWRITE_SCHEMA=1 build/tests/job_test, and look at the diff";
}

}  // namespace
}  // namespace ds::workload
