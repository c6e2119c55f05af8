// `ds-sim validate`: what stands in its table and report, and what it does with files that are none.

#include <algorithm>
#include <cmath>
#include <map>
#include <nlohmann/json.hpp>
#include <vector>

#include "tests/cli/e2e/world.h"

namespace ds::e2e {
namespace {

using Json = nlohmann::json;

constexpr const char* kJob = R"({
  "model": {"family": "gpt", "layers": 4, "hidden": 1024, "heads": 16, "ffn_hidden": 4096, "vocab": 50257},
  "cluster": {"node": "dgx-a100-80g", "nodes": 1}, "software": "megatron-lm-2021",
  "train": {"sequence_length": 1024, "global_batch": 16},
  "plan": {"tp": 2, "dp": 4, "micro_batch": 1, "precision": "fp16"}})";

class Validate : public World {
 protected:
  static Json measured_case(const std::string& id, const Json& job, const Json& measured) {
    return {{"id", id}, {"set", "s"}, {"trust", "A"}, {"source", "x"}, {"job", job}, {"measured", measured}};
  }
  Json validated(const Json& cases, int status) {
    const Ended ended = sim({"validate", write("cases.json", cases.dump()), "--report", "-"});
    EXPECT_EQ(ended.status, status) << ended.err;
    EXPECT_EQ(schema_faults("validation", ended.out), "");
    return Json::parse(ended.out);
  }
};

TEST_F(Validate, ErrorsAreOfTimeAlsoForRates) {
  const Json job = Json::parse(kJob);
  const Ended run = sim({"run", write("job.json", kJob), "--report", "-"});
  ASSERT_EQ(run.status, 0) << run.err;
  const Json report = Json::parse(run.out);
  const double step = report["step_time_s"], rate = report["tokens_per_s_per_gpu"];
  const double gb = report["memory"]["peak_bytes"].get<double>() / 1e9;
  const Json cases = {
      measured_case("slow", job, {{"step_time_s", step / 1.25}}),
      measured_case("rate", job, {{"tokens_per_s_per_gpu", rate * 1.25}, {"peak_memory_gb", gb}}),
      measured_case("verdict", job, {{"fits", true}})};
  const Json rows = validated(cases, 0)["cases"];
  ASSERT_EQ(rows.size(), 4U);
  EXPECT_NEAR(rows[0]["error"].get<double>(), 0.25, 1e-9);
  for (const Json& row : rows) {
    if (row["metric"] == "tokens_per_s_per_gpu") {
      EXPECT_NEAR(row["error"].get<double>(), 0.25, 1e-9);
    }
    if (row["metric"] == "peak_memory_gb") {
      EXPECT_NEAR(row["error"].get<double>(), 0, 1e-9);
    }
    EXPECT_FALSE(row["failed"]);
  }
}

TEST_F(Validate, WhatCannotBePredictedIsListedAsFailed) {
  Json later = Json::parse(kJob);
  later["plan"]["sparsity"] = "2:4";
  Json broken = Json::parse(kJob);
  broken["plan"]["tp"] = 3;
  const Json cases = {measured_case("good", Json::parse(kJob), {{"fits", true}}),
                      measured_case("later", later, {{"step_time_s", 1}}),
                      measured_case("never", broken, {{"step_time_s", 1}}),
                      measured_case("wrong", Json::parse(kJob), {{"fits", false}})};
  const Json report = validated(cases, 1);
  EXPECT_EQ(report["summary"]["failed"], 3);
  EXPECT_NE(
      report["cases"][1]["message"].get<std::string>().find("plan.sparsity: sparsity is not supported yet"),
      std::string::npos);
  EXPECT_NE(report["cases"][2]["message"].get<std::string>().find("plan.tp"), std::string::npos);
}

/// Whatever is wrong with one: it is listed, and those around it are predicted.
TEST_F(Validate, OneBadCaseFailsAlone) {
  const Json job = Json::parse(kJob);
  const Json good = measured_case("good", job, {{"fits", true}});
  const auto without = [&](const char* key) {
    Json bad = good;
    bad.erase(key);
    return bad;
  };
  const auto with = [&](const char* key, const Json& value) {
    Json bad = good;
    bad[key] = value;
    return bad;
  };
  std::vector<Json> bad{nullptr, 7, "case", Json::array(), Json::object()};
  for (const char* key : {"id", "set", "trust", "source", "job", "measured"}) {
    bad.push_back(without(key));
    for (const Json& value : {Json(), Json(1), Json(Json::array()), Json(Json::object())})
      bad.push_back(with(key, value));
  }
  bad.push_back(with("job", "job.json"));
  bad.push_back(with("stage", "last"));
  bad.push_back(with("measured", {{"fits", 1}}));
  Json cases = Json::array({good});
  for (const Json& one : bad) cases.push_back(one), cases.push_back(good);
  const Json report = validated(cases, 1);
  const Json& rows = report["cases"];
  ASSERT_EQ(rows.size(), 2 * bad.size() + 1);
  EXPECT_EQ(report["summary"]["failed"], bad.size());
  for (std::size_t i = 0; i < rows.size(); ++i) {
    EXPECT_EQ(rows[i]["failed"], i % 2 == 1) << cases[i] << rows[i];
    EXPECT_EQ(rows[i].contains("message"), i % 2 == 1) << cases[i] << rows[i];
  }
}

TEST_F(Validate, FilesThatAreNoCasesAreRefused) {
  EXPECT_TRUE(complains(sim({"validate", path("none.json")}), 2, "none.json"));
  EXPECT_TRUE(complains(sim({"validate", write("empty.json", "[]")}), 2, "empty.json"));
  EXPECT_TRUE(complains(sim({"validate", write("job.json", kJob)}), 2, "job.json"));
  EXPECT_TRUE(complains(sim({"validate", write("empty.json", "[]"), "--fitted", "some"}), 2, "--fitted"));
  for (const char* none : {R"({"collectives": []})", R"({"collectives": 5})", R"({"fair_sharing": {}})"})
    EXPECT_TRUE(complains(sim({"validate", write("none.json", none)}), 2, "none.json")) << none;
  const Json cases = {measured_case("good", Json::parse(kJob), {{"fits", true}})};
  EXPECT_TRUE(complains(sim({"validate", write("c.json", cases.dump()), "--case", "bad"}), 2, "--case"));
}

TEST_F(Validate, PeaksMayBeThoseOfAStageAndNotesAreIgnored) {
  Json job = Json::parse(kJob);
  job["plan"] = {{"tp", 2}, {"pp", 4}, {"dp", 1}, {"micro_batch", 1}, {"precision", "fp16"}};
  std::vector<double> peaks;
  for (const int stage : {0, 3, -1}) {
    Json one = measured_case("one", job, {{"peak_memory_gb", 1}});
    one["flags"] = {"--a-note"};
    if (stage >= 0) one["stage"] = stage;
    peaks.push_back(validated(Json::array({one}), 0)["cases"][0]["predicted"].get<double>());
  }
  EXPECT_NE(peaks[0], peaks[1]);
  EXPECT_EQ(peaks[2], std::max(peaks[0], peaks[1]));
  Json none = measured_case("none", job, {{"peak_memory_gb", 1}});
  none["stage"] = 4;
  const std::string message = validated(Json::array({none}), 1)["cases"][0]["message"];
  EXPECT_NE(message.find("plan.pp is 4, so the last stage is 3"), std::string::npos) << message;
}

TEST_F(Validate, WhatWasFusedMayStandBesideTheJob) {
  Json job = Json::parse(kJob);
  job["software"] = "megatron-te";
  const auto peak = [&](const Json& fusions) {
    Json one = measured_case("one", job, {{"peak_memory_gb", 1}});
    if (!fusions.is_null()) one["fusions"] = fusions;
    return validated(Json::array({one}), 0)["cases"][0]["predicted"].get<double>();
  };
  const double fused = peak(nullptr);
  const double logits = 1024.0 * 50432 / 2 * 4 / 1e9;  // in fp32, of one tensor-parallel rank
  EXPECT_NEAR(peak({"bias_gelu", "bias_dropout_add", "layer_norm", "not ours"}), fused + logits, 0.06);
}

/// A collective of 4 s: three steps of 1 s and 1/3 s of latency.
Json collective_case(const std::string& id, double expected) {
  const Json topology = {
      {"dimensions", {{{"kind", "ring"}, {"size", 4}, {"link_bytes_per_s", 1e9}, {"latency_s", 1.0 / 3}}}}};
  return {
      {"id", id},
      {"spec", {{"collective", "all_gather"}, {"bytes", 4e9}, {"algorithm", "ring"}, {"topology", topology}}},
      {"expected", {{"time_s", expected}}},
      {"tolerance", {{"relative", 0.01}}}};
}

/// Two flows of 1 GB over a link of 1 GB/s, one over another: 2 s, 2 s and 1 s.
Json flows_case(const std::string& id, const Json& expected) {
  Json flows = Json::array();
  for (const auto& [name, link] : {std::pair("x", "a"), std::pair("y", "a"), std::pair("z", "b")})
    flows.push_back({{"id", name}, {"bytes", 1e9}, {"links", {link}}, {"start_s", 0}});
  return {{"id", id},
          {"links", {{{"id", "a"}, {"bytes_per_s", 1e9}}, {{"id", "b"}, {"bytes_per_s", 1e9}}}},
          {"flows", flows},
          {"expected", {{"finish_s", expected}}},
          {"tolerance", {{"relative", 0.01}}}};
}

TEST_F(Validate, CollectivesAndFlowsAreHeldAgainstWhatOthersFound) {
  const Json file = {
      {"about", "x"},
      {"collectives", {collective_case("right", 4.02), collective_case("wrong", 3)}},
      {"fair_sharing",
       {flows_case("even", {{"x", 2}, {"y", 2}, {"z", 1}}), flows_case("odd", {{"x", 2}, {"y", 4}})}}};
  const Json report = validated(file, 1);
  const Json& rows = report["cases"];
  ASSERT_EQ(rows.size(), 4U);
  EXPECT_NEAR(rows[0]["predicted"].get<double>(), 4, 1e-12);
  EXPECT_NEAR(rows[1]["error"].get<double>(), 1.0 / 3, 1e-12);
  EXPECT_EQ(rows[2]["metric"], "finish_s");
  EXPECT_EQ(rows[2]["predicted"], (Json{{"x", 2.0}, {"y", 2.0}, {"z", 1.0}}));
  EXPECT_EQ(rows[3]["measured"], (Json{{"x", 2.0}, {"y", 4.0}}));
  EXPECT_NEAR(rows[3]["error"].get<double>(), -0.5, 1e-12);  // of the worst
  EXPECT_NE(rows[3]["message"].get<std::string>().find("flow \"y\""), std::string::npos);
  for (const Json& row : rows) EXPECT_EQ(row["tolerance"]["relative"], 0.01);
  EXPECT_EQ(rows[0]["failed"], false);
  EXPECT_EQ(rows[1]["failed"], true);
  EXPECT_EQ(rows[2]["failed"], false);
  EXPECT_EQ(rows[3]["failed"], true);
  EXPECT_EQ(report["summary"]["failed"], 2);
  EXPECT_EQ(report["summary"]["time_s"]["all"]["count"], 2);
  EXPECT_EQ(report["summary"]["finish_s"]["by_trust"], Json::object());
  const Ended table = sim({"validate", path("cases.json"), "--case", "ri"});
  EXPECT_EQ(table.status, 0) << table.err;
  EXPECT_NE(table.out.find("1 of 1 cases"), std::string::npos) << table.out;
}

TEST_F(Validate, OneBadCollectiveOrFlowFailsAlone) {
  const Json good = collective_case("good", 4), flows = flows_case("flows", {{"x", 2}});
  std::vector<Json> bad{nullptr, 7, "case", Json::array(), Json::object()};
  const auto with = [](Json base, const char* pointer, const Json& value) {
    base[Json::json_pointer(pointer)] = value;
    return base;
  };
  const std::string dimension = "/spec/topology/dimensions/0";
  for (const char* at : {"/id", "/spec", "/expected", "/tolerance", "/spec/collective", "/spec/bytes",
                         "/spec/algorithm", "/spec/topology", "/spec/topology/dimensions"})
    for (const Json& value : {Json(), Json(-1), Json(Json::array())}) bad.push_back(with(good, at, value));
  for (const char* key : {"/kind", "/size", "/link_bytes_per_s", "/latency_s"})
    for (const Json& value : {Json(), Json("fast"), Json(-1)})
      bad.push_back(with(good, (dimension + key).c_str(), value));
  bad.push_back(with(good, "/expected", {{"time_ms", 4}}));
  bad.push_back(with(good, "/spec/rings", 2));
  for (const char* at : {"/links", "/flows", "/links/0", "/flows/0", "/flows/1/id", "/flows/1/links/0"})
    for (const Json& value : {Json(), Json(-1), Json("z"), Json(Json::array())})
      bad.push_back(with(flows, at, value));
  bad.push_back(with(flows, "/expected/finish_s", {{"nobody", 1}}));
  Json list = Json::array({good});
  for (const Json& one : bad) {
    if (one.is_object() && one.contains("flows")) continue;
    list.push_back(one);
    list.push_back(good);
  }
  Json sharing = Json::array({flows});
  for (const Json& one : bad) {
    if (one.is_object() && one.contains("spec")) continue;
    sharing.push_back(one);
    sharing.push_back(flows);
  }
  const Json report = validated({{"collectives", list}, {"fair_sharing", sharing}}, 1);
  const Json& rows = report["cases"];
  ASSERT_EQ(rows.size(), list.size() + sharing.size());
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const std::size_t place = i < list.size() ? i : i - list.size();
    EXPECT_EQ(rows[i]["failed"], place % 2 == 1) << rows[i];
    EXPECT_EQ(rows[i].contains("message"), place % 2 == 1) << rows[i];
  }
}

TEST_F(Validate, TheShippedCollectivesAndFlowsAreMet) {
  for (const char* name : {"collectives", "fair_sharing"}) {
    const Ended ended =
        sim({"validate", DS_SOURCE_DIR "/profiles/measured/" + std::string(name) + ".json", "--report", "-"});
    EXPECT_EQ(ended.status, 0) << ended.err;
    EXPECT_EQ(schema_faults("validation", ended.out), "");
  }
}

/// Peaks of Megatron-LM's own tests, to the byte as torch counts them; the bounds are those of docs/accuracy.md.
TEST_F(Validate, PeaksOfMegatronsOwnTestsAreMet) {
  const Ended ended = sim({"validate", DS_SOURCE_DIR "/profiles/measured/megatron.json", "--report", "-"});
  const Json summary = Json::parse(ended.out)["summary"]["peak_memory_gb"]["by_trust"];
  EXPECT_EQ(summary["A"]["count"], 25);
  EXPECT_LT(summary["A"]["mean"].get<double>(), 0.02);
  EXPECT_LT(summary["A"]["max"].get<double>(), 0.08);
  EXPECT_LT(summary["B"]["mean"].get<double>(), 0.035);
}

/// Steps bound by the host that launches kernels: vTrain's and Megatron-LM's own tests, on which its costs were fitted, and eight of the
/// latter by their first runs, which were slower than later ones.
TEST_F(Validate, SmallModelsWaitForTheHost) {
  const Ended ended = sim({"validate", DS_SOURCE_DIR "/profiles/measured/launches.json", "--report", "-"});
  const Json summary = Json::parse(ended.out)["summary"]["step_time_s"]["by_set"];
  const auto hold = [&](const char* set, int count, double mean, double most) {
    EXPECT_EQ(summary[set]["count"], count) << set;
    EXPECT_LT(summary[set]["mean"].get<double>(), mean) << set;
    EXPECT_LT(summary[set]["max"].get<double>(), most) << set;
  };
  hold("vtrain-launch", 36, 0.15, 0.40);
  hold("mcore-small", 8, 0.25, 0.40);
  hold("mcore-tests-a100", 65, 0.12, 0.35);
  hold("mcore-tests-h100", 55, 0.16, 0.60);
  hold("mcore-tests-gb200", 54, 0.16, 0.50);
}

TEST_F(Validate, FlagsOfTheLaunchMayStandBesideTheJob) {
  Json job = Json::parse(kJob);
  job["software"] = "megatron-te";
  const auto step = [&](const Json& flags) {
    Json one = measured_case("one", job, {{"step_time_s", 1}});
    if (!flags.is_null()) one["flags"] = flags;
    return validated(Json::array({one}), 0)["cases"][0]["predicted"].get<double>();
  };
  const double recipe = step(nullptr), eager = step({"attention-backend=auto"});
  EXPECT_EQ(step({"CUDA graphs"}), recipe);
  EXPECT_GT(eager, recipe);
  EXPECT_EQ(step({"deterministic-mode"}), eager);
}

/// Questions to the failure model are told apart by what the file holds.
TEST_F(Validate, TakesCasesOfReliability) {
  const std::string file = DS_SOURCE_DIR "/profiles/measured/reliability.json";
  const Ended ended = sim({"validate", file, "--report", "-"});
  EXPECT_EQ(ended.status, 0) << ended.err;
  EXPECT_EQ(schema_faults("validation", ended.out), "");
  const Json report = Json::parse(ended.out);
  EXPECT_EQ(report["summary"]["failed"], 0);
  ASSERT_EQ(report["cases"].size(), 26U);
  EXPECT_EQ(report["cases"][2]["known_miss"], true);
  EXPECT_NEAR(report["cases"][4]["high"].get<double>(), 718.848, 1e-3);
  const Ended some = sim({"validate", file, "--case", "daly-M3600"});
  EXPECT_NE(some.out.find("2 of 2 cases, 0 of 2 rows failed"), std::string::npos) << some.out;
  Json cases = Json::parse(read(file));
  cases["cases"][0]["inputs"]["gpus"] = "many";
  const Json bad = validated(cases, 1);
  EXPECT_EQ(bad["summary"]["failed"], 1);
  EXPECT_NE(bad["cases"][0]["message"].get<std::string>().find("cases[0].inputs.gpus"), std::string::npos);
}

/// The demo shows both: the job as a file, and what was measured of it.
TEST_F(Validate, TheShippedJobIsThatOfItsMeasuredCase) {
  const Json job = Json::parse(read(DS_SOURCE_DIR "/profiles/jobs/gpt3-175b-512-a100.json"));
  const Json cases = Json::parse(read(DS_SOURCE_DIR "/profiles/measured/training_steps.json"));
  int found = 0;
  for (const Json& c : cases)
    if (c["id"] == "vtrain-multi-175b-tp8-pp8-dp8-mbs2") {
      EXPECT_EQ(c["job"], job);
      ++found;
    }
  EXPECT_EQ(found, 1);
}

/// Intervals follow from errors that are kept in a file: if this fails, constants or models have moved since bench/fit --evidence
/// wrote it.
TEST_F(Validate, FindsTheErrorsThatIntervalsAreMadeOf) {
  const Json evidence = Json::parse(read(DS_SOURCE_DIR "/profiles/evidence.json"));
  std::map<std::string, double> known;
  for (const Json& run : evidence["runs"]) known[run["id"]] = run["fitted"];
  const Json report =
      Json::parse(sim({"validate", DS_SOURCE_DIR "/profiles/measured/mlperf.json", "--report", "-"}).out);
  ASSERT_EQ(report["cases"].size(), 17U);
  for (const Json& row : report["cases"]) {
    ASSERT_TRUE(known.contains(row["id"])) << row["id"];
    EXPECT_NEAR(std::log1p(row["error"].get<double>()), known[row["id"]], 0.01) << row["id"];
  }
}

}  // namespace
}  // namespace ds::e2e
