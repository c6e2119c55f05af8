// `ds-sim compare`, `diff` and `sweep`: many predictions are those of `run`, one bad job keeps no other from being predicted.
#include <algorithm>
#include <csignal>
#include <nlohmann/json.hpp>

#include "tests/cli/e2e/world.h"

namespace ds::e2e {
namespace {

using Json = nlohmann::json;

constexpr const char* kJob = R"({
  "model": {"family": "gpt", "layers": 4, "hidden": 1024, "heads": 16, "ffn_hidden": 4096, "vocab": 50257},
  "cluster": {"node": "dgx-a100-80g", "nodes": 1},
  "train": {"sequence_length": 1024, "global_batch": 16, "tokens": 1e9}, "prices": {"gpu_hour_usd": 2},
  "plan": {"tp": 2, "micro_batch": 1}})";

class Batch : public World {
 protected:
  Batch() : job(write("a.json", kJob)) {}

  std::string other(const std::string& name, const std::string& from, const std::string& to) const {
    std::string text = kJob;
    text.replace(text.find(from), from.size(), to);
    return write(name, text);
  }
  /// The report of `ds-sim run` with those --set words.
  Json run_report(const Words& set) const {
    Words words{"run", job, "--json"};
    for (const std::string& one : set) words.insert(words.end(), {"--set", one});
    const Ended ended = sim(words);
    EXPECT_EQ(ended.status, 0) << ended.err;
    return Json::parse(ended.out);
  }
  Json parsed(const Ended& ended, const std::string& schema, int status = 0) const {
    EXPECT_EQ(ended.status, status) << ended.err;
    EXPECT_EQ(schema_faults(schema, ended.out), "");
    return Json::parse(ended.out);
  }
  std::string job;
};

void expect_same_step(const Json& one, const Json& report) {
  for (const char* key : {"step_time_s", "tokens_per_s", "mfu", "time_s"})
    EXPECT_EQ(one[key], report[key]) << key;
  EXPECT_EQ(one["memory"]["peak_bytes"], report["memory"]["peak_bytes"]);
  EXPECT_EQ(one["cost_usd"], report["run"]["cost_usd"]);
}

TEST_F(Batch, ComparesTheStepsThatRunPredicts) {
  const Json r =
      parsed(sim({"compare", job, other("b.json", R"("tp": 2)", R"("tp": 4)"), "--json"}), "comparison");
  expect_same_step(r["jobs"][0], run_report({}));
  expect_same_step(r["jobs"][1], run_report({"plan.tp=4"}));
  const double change = r["change"]["step_time_s"];
  EXPECT_DOUBLE_EQ(change,
                   r["jobs"][1]["step_time_s"].get<double>() - r["jobs"][0]["step_time_s"].get<double>());
  double parts = 0;
  for (const auto& part : r["change"]["time_s"]) parts += part.get<double>();
  EXPECT_NEAR(parts, change, 1e-12);
}

/// tp is given; dp is 8 GPUs / tp, zero_group and tp_grid follow from both. Nothing else differs.
TEST_F(Batch, DifferencesAreThoseAfterDefaults) {
  const std::string b = other("b.json", R"("tp": 2)", R"("tp": 4, "seed_is_no_key": 0)");
  EXPECT_EQ(sim({"diff", job, b}).status, 2);
  const Json r =
      parsed(sim({"diff", job, other("b.json", R"("tp": 2)", R"("tp": 4)"), "--json"}), "comparison");
  EXPECT_EQ(r["differences"], Json::parse(R"([{"path": "plan.dp", "values": [4, 2]},
    {"path": "plan.tp", "values": [2, 4]}, {"path": "plan.tp_grid", "values": [[1, 2], [1, 4]]},
    {"path": "plan.zero_group", "values": [4, 2]}])"));
}

/// A default that is written out and a preset's content are no differences.
TEST_F(Batch, WhatIsSaidInOtherWordsIsNoDifference) {
  const std::string same =
      other("b.json", R"("micro_batch": 1)", R"("micro_batch": 1, "dp": 4, "zero": 1, "pp": 1.0)");
  const Ended ended = sim({"diff", job, same});
  EXPECT_EQ(ended.status, 0);
  EXPECT_NE(ended.out.find("no key differs"), std::string::npos) << ended.out;
  const Json r = parsed(
      sim({"diff", job, other("c.json", R"("node": "dgx-a100-80g")", R"("node": "dgx-a100-40g")"), "--json"}),
      "comparison");
  bool memory = false;
  for (const Json& difference : r["differences"]) {
    EXPECT_TRUE(difference["path"].get<std::string>().starts_with("cluster.node.")) << difference;
    memory |=
        difference ==
        Json::parse(R"({"path": "cluster.node.gpu.memory_bytes", "values": [80000000000, 40000000000]})");
  }
  EXPECT_TRUE(memory);
}

TEST_F(Batch, ABadJobIsToldAndTheOthersAreCompared) {
  const std::string bad = other("bad.json", R"("tp": 2)", R"("tp": 3)");
  const Ended ended = sim({"compare", job, bad, job, "--report", path("r.json")});
  EXPECT_EQ(ended.status, 2);
  EXPECT_EQ(lines(ended.err).size(), 1U) << ended.err;
  EXPECT_NE(ended.err.find("bad.json: plan.tp: "), std::string::npos) << ended.err;
  EXPECT_NE(ended.out.find("step time"), std::string::npos);
  const Json r = Json::parse(read(path("r.json")));
  EXPECT_TRUE(r["jobs"][1].contains("fault"));
  EXPECT_EQ(r["jobs"][0]["step_time_s"], r["jobs"][2]["step_time_s"]);
}

TEST_F(Batch, JobsOfOneNameAreToldApartByTheirPaths) {
  write("one/job.json", kJob);
  write("two/job.json", kJob);
  const Ended ended = sim({"compare", path("one/job.json"), path("two/job.json")});
  EXPECT_NE(ended.out.find("one/job.json"), std::string::npos) << ended.out;
  EXPECT_NE(ended.out.find("two/job.json"), std::string::npos) << ended.out;
  EXPECT_TRUE(complains(sim({"compare", job}), 2));
}

TEST_F(Batch, APlanThatDoesNotFitIsAnHonestNo) {
  const std::string large = other("large.json", R"("hidden": 1024)", R"("hidden": 65536)");
  const Ended ended = sim({"compare", job, large});
  EXPECT_EQ(ended.status, 1) << ended.err;
  EXPECT_NE(ended.out.find("no"), std::string::npos);
}

TEST_F(Batch, SweepsPredictEachPointAsRunDoes) {
  const Json r = parsed(
      sim({"sweep", job, "--over", "plan.micro_batch=1,2", "--over", "plan.tp=2,4", "--json"}), "sweep");
  ASSERT_EQ(r["points"].size(), 4U);
  EXPECT_EQ(r["complete"], true);
  EXPECT_EQ(r["points"][1]["at"], Json::parse(R"({"plan.micro_batch": 1, "plan.tp": 4})"));
  expect_same_step(r["points"][0], run_report({}));
  expect_same_step(r["points"][3], run_report({"plan.micro_batch=2", "plan.tp=4"}));
}

TEST_F(Batch, ABadPointIsListedWithItsReason) {
  const Ended ended =
      sim({"sweep", job, "--over", "plan.tp=2,3,4", "--report", path("r.json"), "--csv", path("s.csv")});
  EXPECT_EQ(ended.status, 0) << ended.err;
  EXPECT_NE(ended.out.find("plan.tp=3: "), std::string::npos) << ended.out;
  EXPECT_NE(ended.out.find("<- best"), std::string::npos);
  const Json points = Json::parse(read(path("r.json")))["points"];
  ASSERT_EQ(points.size(), 3U);
  EXPECT_TRUE(points[0].contains("step_time_s") && points[1].contains("fault") &&
              points[2].contains("step_time_s"));
  const Words rows = lines(read(path("s.csv")));
  ASSERT_EQ(rows.size(), 4U);
  EXPECT_TRUE(rows[0].starts_with("plan.tp,step_time_s,")) << rows[0];
  EXPECT_TRUE(rows[2].starts_with("3,,")) << rows[2];
  // A row for each title, and the reason has a comma in quotes or none.
  EXPECT_EQ(std::ranges::count(rows[0], ','), std::ranges::count(rows[1], ','));
}

TEST_F(Batch, WhatAllPointsHaveWrongIsTheJobsFault) {
  EXPECT_TRUE(complains(sim({"sweep", job, "--over", "plan.tpp=1,2"}), 2, "did you mean plan.tp"));
  EXPECT_TRUE(complains(sim({"sweep", job, "--over", "plan.tp"}), 2, "such as plan.micro_batch=1,2,4"));
  EXPECT_TRUE(complains(sim({"sweep", job, "--over", "plan.tp=1,,2"}), 2, "empty value"));
  EXPECT_TRUE(complains(sim({"sweep", job, "--over", "plan.tp=1", "--over", "plan.tp=2"}), 2, "twice"));
  EXPECT_TRUE(complains(sim({"sweep", job}), 2, "--over"));
  EXPECT_TRUE(
      complains(sim({"sweep", job, "--over", "plan.tp=1", "--metric", "mfuu"}), 2, "did you mean mfu?"));
  std::string many = "seed=0";
  for (int i = 1; i < 200; ++i) many += "," + std::to_string(i);
  EXPECT_TRUE(complains(sim({"sweep", job, "--over", many, "--over", "train." + many}), 2));
  EXPECT_TRUE(
      complains(sim({"sweep", write("b.json", kTinyJob), "--over", "plan.tp=1", "--metric", "cost_usd"}), 2,
                "train.tokens"));
}

/// Each by its own fault, and none of them the metric's.
TEST_F(Batch, PointsThatAreAllWrongInTheirOwnWayAreListed) {
  const Ended ended = sim({"sweep", job, "--over", "plan.tp=[1],3,null"});
  EXPECT_EQ(ended.status, 2) << ended.err;
  for (const char* part : {"is [1] (a list)", "plan.tp: 3 must divide", "is null"})
    EXPECT_NE(ended.out.find(part), std::string::npos) << part << ended.out;
}

TEST_F(Batch, ADepthThatIsNoneIsToldOnce) {
  for (const Words& words :
       {Words{"sweep", job, "--over", "plan.tp=1,2"}, Words{"compare", job, job}, Words{"run", job}}) {
    Words asked = words;
    asked.insert(asked.end(), {"--depth", "evnt"});
    EXPECT_TRUE(complains(sim(asked), 2, "--depth: is evnt")) << words[0];
  }
}

TEST_F(Batch, ListsAndWordsAreValuesToo) {
  const Json r = parsed(sim({"sweep", job, "--over", R"(plan.recompute=none,full)", "--over",
                             "plan.stage_layers=[4],[3]", "--set", "plan.pp=1", "--json"}),
                        "sweep");
  ASSERT_EQ(r["points"].size(), 4U);
  EXPECT_EQ(r["points"][0]["at"], Json::parse(R"({"plan.recompute": "none", "plan.stage_layers": [4]})"));
  EXPECT_TRUE(r["points"][1].contains("fault"));  // 3 layers of 4
  EXPECT_TRUE(r["points"][2].contains("step_time_s"));
}

/// A circle for every point that was predicted, a line for each value of the second axis.
TEST_F(Batch, ChartsHaveAMarkForEachPoint) {
  const Ended ended = sim({"sweep", job, "--over", "plan.micro_batch=1,2,4", "--over", "plan.tp=2,3,4",
                           "--svg", "-", "--metric", "tokens_per_s"});
  EXPECT_EQ(ended.status, 0) << ended.err;
  const auto count = [&](const std::string& part) {
    int found = 0;
    for (std::size_t at = ended.out.find(part); at != std::string::npos; at = ended.out.find(part, at + 1))
      ++found;
    return found;
  };
  EXPECT_TRUE(ended.out.starts_with("<svg ") && ended.out.ends_with("</svg>\n"));
  EXPECT_EQ(count("<circle "), 6);  // of 9: tp 3 is no plan
  EXPECT_EQ(count("<path "), 3);
  EXPECT_EQ(count("plan.tp=3<"), 1);
  EXPECT_EQ(ended.out.find("nan"), std::string::npos);
}

TEST_F(Batch, EqualQuestionsGiveEqualBytesHoweverManyThreads) {
  const Words sweep{"sweep", job, "--over", "plan.micro_batch=1,2,4", "--over", "plan.tp=1,2,4"};
  Words one = sweep, four = sweep;
  one.insert(one.end(), {"--jobs", "1", "--csv", "-"});
  four.insert(four.end(), {"--jobs", "4", "--csv", "-"});
  EXPECT_EQ(sim(one).out, sim(four).out);
}

TEST_F(Batch, CtrlCEndsASweepWithWhatItHas) {
  Words words{"sweep",  job,        "--over",       "seed=0", "--progress",
              "always", "--report", path("r.json"), "--jobs", "1"};
  for (int i = 1; i < 4000; ++i) words[3] += "," + std::to_string(i);
  const Ended ended = sim(words, {.signal = SignalWhen{.text = "seed=", .signal = SIGINT}});
  EXPECT_EQ(ended.status, 130) << ended.err;
  EXPECT_LT(ended.after_signal_s, 10);
  const Json r = Json::parse(read(path("r.json")));
  EXPECT_EQ(r["complete"], false);
  EXPECT_LT(r["points"].size(), 4000U);
}

TEST_F(Batch, OutputsAreCheckedBeforeAnythingIsPredicted) {
  EXPECT_TRUE(complains(sim({"sweep", job, "--over", "seed=1", "--csv", job}), 2, "--csv"));
  EXPECT_TRUE(complains(sim({"sweep", job, "--over", "seed=1", "--csv", "-", "--svg", "-"}), 2, "--svg"));
  EXPECT_TRUE(complains(sim({"compare", job, job, "--report", job}), 2, "--report"));
  EXPECT_TRUE(complains(sim({"run", job, "--json", "--report", "x"}), 2, "--report"));
}

/// A sweep over rates of failures: goodput falls, the run gets longer and dearer.
TEST_F(Batch, SweepsTellWhatFailuresCost) {
  const Json r = parsed(sim({"sweep", job, "--over", "simulate.failures.per_node_day=0,1,10", "--metric",
                             "goodput", "--report", "-"}),
                        "sweep");
  double goodput = 2, days = 0, cost = 0, energy = 0;
  for (const Json& point : r["points"]) {
    EXPECT_LT(point["goodput"].get<double>(), goodput);
    EXPECT_GT(point["days"].get<double>(), days);
    EXPECT_GT(point["cost_usd"].get<double>(), cost);
    EXPECT_GT(point["energy_kwh"].get<double>(), energy);
    goodput = point["goodput"], days = point["days"], cost = point["cost_usd"], energy = point["energy_kwh"];
  }
  const Ended none = sim({"sweep", job, "--over", "plan.tp=1,2", "--metric", "goodput"});
  EXPECT_TRUE(complains(none, 2, "simulate.failures"));
}

/// The run's line is followed by two on failures; one that never ends is an honest no.
TEST_F(Batch, RunsTellOfFailures) {
  const Ended quiet = sim({"run", job});
  EXPECT_NE(quiet.out.find(", if nothing fails"), std::string::npos) << quiet.out;
  const Ended given = sim({"run", job, "--set", "simulate.failures.per_node_day=1"});
  EXPECT_EQ(given.status, 0);
  EXPECT_EQ(given.out.find("if nothing fails"), std::string::npos);
  for (const char* part : {"goodput    9", "failures   one in 1 d 00 h, 0.013 in all", "a save every"})
    EXPECT_NE(given.out.find(part), std::string::npos) << part << given.out;
  const Ended defaults = sim({"run", job, "--set", "simulate.failures={}"});
  EXPECT_NE(defaults.out.find("at published rates of failures"), std::string::npos) << defaults.out;
  const Ended never = sim({"run", job, "--set", "simulate.failures.per_node_day=1e9", "--report", "-"});
  const Json report = parsed(never, "report", 1);
  EXPECT_LT(report["run"]["goodput"], 1e-100);
  EXPECT_FALSE(report["run"].contains("days"));
}

}  // namespace
}  // namespace ds::e2e
