// `ds-tune search`: its report, its answer as a job for ds-sim, what ends it early, and input that is none.

#include <csignal>
#include <nlohmann/json.hpp>

#include "tests/cli/e2e/world.h"

namespace ds::e2e {
namespace {

using Json = nlohmann::json;

constexpr const char* kJob = R"({
  "model": {"family": "gpt", "layers": 4, "hidden": 64, "heads": 4, "ffn_hidden": 128, "vocab": 256},
  "cluster": {"node": "localhost", "nodes": 1, "ranks": 2},
  "train": {"sequence_length": 16, "global_batch": 8}, "plan": {"pp": 2, "dp": 1, "stage_layers": [3, 1]}})";

class Tune : public World {
 protected:
  Tune() : job(write("job.json", kJob)) {}

  Json report_of(Words arguments, int status = 0) const {
    arguments.insert(arguments.begin(), "search");
    arguments.insert(arguments.end(), {"--report", "-", "--progress", "never"});
    const Ended ended = tune(arguments);
    EXPECT_EQ(ended.status, status) << ended.err;
    EXPECT_EQ(ended.err, "");
    EXPECT_EQ(schema_faults("tune-report", ended.out), "");
    return Json::parse(ended.out);
  }
  Json simulated(const std::string& file, const std::string& depth) const {
    const Ended ended = sim({"run", file, "--depth", depth, "--report", "-"});
    EXPECT_EQ(ended.status, 0) << ended.err;
    return Json::parse(ended.out);
  }

  std::string job;
};

TEST_F(Tune, DsSimGivesTheBestJobsTheTimesAndPeaksOfTheReport) {
  const Json report = report_of({job, "--top", "3"});
  ASSERT_EQ(report["top"].size(), 3U);
  EXPECT_EQ(report["best"], report["top"][0]);
  std::filesystem::create_directory(path("elsewhere"));
  for (const Json& one : report["top"]) {
    const std::string file = write("elsewhere/best.json", one["job"].dump());
    const Json analytic = simulated(file, "analytic");
    // Added up in another order.
    EXPECT_NEAR(analytic["step_time_s"].get<double>() / one["step_time_s"].get<double>(), 1, 1e-12);
    EXPECT_EQ(analytic["memory"]["peak_bytes"], one["objectives"]["peak_bytes"]);
    EXPECT_EQ(simulated(file, "event")["step_time_s"], one["event_step_time_s"]);
  }
}

TEST_F(Tune, CountsEveryCombinationOnce) {
  const Json r = report_of({job});
  Json size = 1;
  for (const auto& [key, values] : r["space"].items()) size = size.get<std::int64_t>() * values.size();
  EXPECT_EQ(r["space_size"], size);
  const Json& pruned = r["pruned"];
  EXPECT_EQ(r["evaluations"].get<std::int64_t>() + pruned["rule"].get<std::int64_t>() +
                pruned["memory"].get<std::int64_t>() + pruned["bound"].get<std::int64_t>(),
            size);
  EXPECT_EQ(r["proof"]["optimal"], true);
  EXPECT_EQ(r["proof"]["gap"], 0.0);
  EXPECT_EQ(r["proof"]["lower_bound_s"], r["best"]["step_time_s"]);
  EXPECT_EQ(r["history"].back()["step_time_s"], r["best"]["step_time_s"]);
}

TEST_F(Tune, TheJobsOwnPlanIsTheBaselineAlsoOutsideOfTheSpace) {
  const Json uneven = report_of({job})["baseline"];
  EXPECT_EQ(uneven["in_space"], false);
  const std::string uniform = write("uniform.json", report_of({job})["top"][1]["job"].dump());
  const Json r = report_of({uniform});
  EXPECT_EQ(r["baseline"]["in_space"], true);
  EXPECT_EQ(r["history"][0]["step_time_s"], r["baseline"]["step_time_s"]);
  const Json none = report_of({job, "--set", "plan.dp=3"});
  EXPECT_NE(none["baseline"]["fault"].get<std::string>().find("plan.dp"), std::string::npos);
}

TEST_F(Tune, EqualSeedsGiveEqualReports) {
  const auto report = [&](const char* seed) {
    Json r = report_of({job, "--method", "random", "--evals", "5", "--seed", seed});
    for (Json& improvement : r["history"]) improvement.erase("seconds");
    return r;
  };
  EXPECT_EQ(report("3"), report("3"));
  const Json r = report("3");
  EXPECT_EQ(r["method"], "random");
  EXPECT_EQ(r["evaluations"], 5);
  EXPECT_EQ(r["proof"]["optimal"], false);
  EXPECT_EQ(r["end"], "evals");
  EXPECT_EQ(r["seed"], 3);
}

TEST_F(Tune, PinsAndForbidsNarrowTheSpace) {
  const Json r = report_of(
      {job, "--pin", "plan.tp=2", "--forbid", "plan.sequence_parallel", "--forbid", "plan.schedule=gpipe"});
  EXPECT_EQ(r["space"]["tp"], Json::parse(R"(["2"])"));
  for (const Json& one : r["top"]) {
    EXPECT_EQ(one["job"]["plan"]["tp"], 2);
    EXPECT_EQ(one["job"]["plan"]["sequence_parallel"], false);
    EXPECT_NE(one["job"]["plan"]["schedule"], "gpipe");
  }
}

TEST_F(Tune, AFileSaysTheWholeSpace) {
  const Json r = report_of({job, "--space", write("space.json", R"({"micro_batch": [1, 2], "dp": [1]})")});
  EXPECT_EQ(r["space_size"], 2);
  for (const Json& one : r["top"]) EXPECT_EQ(one["job"]["plan"]["pp"], 2);  // as in the job
}

TEST_F(Tune, SaysHowItsRankingHolds) {
  const Json ranking = report_of({job})["ranking"];
  ASSERT_EQ(ranking.size(), 2U);
  EXPECT_EQ(ranking[0]["off"], 0.1);
  EXPECT_GE(ranking[0]["stays_best"], ranking[1]["stays_best"]);
  double sum = 0;
  for (const Json& share : ranking[1]["is_best"]) sum += share.get<double>();
  EXPECT_NEAR(sum, 1, 1e-9);
  EXPECT_NE(tune({"search", job, "--progress", "never"}).out.find("cost is off by 10 %, the best stays"),
            std::string::npos);
  EXPECT_EQ(report_of({job, "--top", "1"})["ranking"].size(), 0U);
}

TEST_F(Tune, TheFrontIsProvenAndDrawn) {
  const Json without = report_of({job}), with = report_of({job, "--front", "--plot", path("plans.svg")});
  EXPECT_EQ(without["proof"]["front_is_whole"], false);
  EXPECT_EQ(with["proof"]["front_is_whole"], true);
  EXPECT_EQ(with["best"], without["best"]);
  EXPECT_GE(with["evaluations"], without["evaluations"]);
  EXPECT_EQ(with["front"][0]["objectives"]["step_time_s"], with["best"]["objectives"]["step_time_s"]);
  const std::string picture = read(path("plans.svg"));
  EXPECT_TRUE(picture.starts_with("<svg ") && picture.ends_with("</svg>\n")) << picture;
  for (const Json& one : with["front"])
    EXPECT_NE(picture.find("<title>" + one["plan"].get<std::string>() + ": "), std::string::npos);
  const Ended shown = tune({"search", job, "--front", "--progress", "never"});
  EXPECT_NE(shown.out.find("what smaller plans cost"), std::string::npos) << shown.out;
  EXPECT_EQ(tune({"search", job, "--progress", "never"}).out.find("what smaller plans cost"),
            std::string::npos);
  EXPECT_TRUE(tune({"search", job, "--plot", "-", "--progress", "never"}).out.starts_with("<svg "));
  EXPECT_TRUE(complains(tune({"search", job, "--plot", job}), 2, "--plot"));
}

TEST_F(Tune, ExportsTheBestPlanAsAJob) {
  const Ended ended = tune({"search", job, "--export", "job"});
  EXPECT_EQ(ended.status, 0) << ended.err;
  const Json exported = Json::parse(ended.out);
  EXPECT_EQ(exported, report_of({job})["best"]["job"]);
  EXPECT_TRUE(complains(tune({"search", job, "--export", "job", "--report", "-"}), 2, "--export"));
}

TEST_F(Tune, NoPlanIsAnHonestNoThatSaysWhy) {
  const Json r = report_of({job, "--pin", "plan.tp=3"}, 1);
  EXPECT_TRUE(r["best"].is_null());
  EXPECT_EQ(r["proof"]["optimal"], false);
  const Ended ended = tune({"search", job, "--pin", "plan.tp=3"});
  EXPECT_EQ(ended.status, 1);
  EXPECT_NE(ended.out.find("No plan found"), std::string::npos);
  EXPECT_NE(ended.out.find("plan.dp"), std::string::npos) << ended.out;
  const Ended large = tune({"search", write("large.json", R"({"model": "gpt3-175b",
      "cluster": {"node": "dgx-a100-80g", "nodes": 1}, "train": {"sequence_length": 2048, "global_batch": 8}})"),
                            "--pin", "plan.tp=8", "--pin", "plan.micro_batch=1"});
  EXPECT_EQ(large.status, 1);
  EXPECT_NE(large.out.find("too large: the nearest"), std::string::npos) << large.out;
}

TEST_F(Tune, CtrlCEndsItWithTheBestSoFar) {
  // Far more plans than anybody evaluates in the time.
  const std::string vast = write("vast.json", R"({"model": "megatron-1t",
      "cluster": {"node": "dgx-a100-80g", "nodes": 512}, "train": {"sequence_length": 2048, "global_batch": 4096},
      "plan": {"tp": 8, "pp": 64, "dp": 8}})");
  const std::string space = write("space.json", R"({"tp": [1, 2, 4, 8], "pp": [1, 2, 4, 8, 16, 32, 64, 128],
      "micro_batch": [1, 2, 4, 8, 16], "vpp": [1, 2, 4, 8], "schedule": ["1f1b", "gpipe", "interleaved"],
      "sequence_parallel": [false, true], "zero": [0, 1], "recompute": ["none", "full"],
      "precision": ["bf16", "fp16", "fp32"], "attention": ["flash", "unfused"], "overlap.grad_reduce": [true, false],
      "overlap.param_gather": [true, false], "overlap.tp_comm": [true, false], "overlap.p2p": [true, false]})");
  for (const auto& [signal, status] : {std::pair{SIGINT, 130}, std::pair{SIGTERM, 143}}) {
    const Ended ended = tune({"search", vast, "--space", space, "-v", "--report", path("r.json")},
                             {.signal = SignalWhen{"ds: read the job", signal}});
    EXPECT_EQ(ended.status, status) << ended.err;
    EXPECT_FALSE(ended.timed_out);
    const std::string text = read(path("r.json"));
    EXPECT_EQ(schema_faults("tune-report", text), "");
    EXPECT_EQ(Json::parse(text)["end"], "stopped");
    EXPECT_EQ(Json::parse(text)["proof"]["optimal"], false);
  }
}

TEST_F(Tune, ProgressShowsTheIncumbent) {
  // The job's own plan is tried before the first line is drawn.
  const std::string uniform = write("uniform.json", tune({"search", job, "--export", "job"}).out);
  EXPECT_EQ(tune({"search", uniform, "--progress", "always", "-q"}).err, "");
  const Ended shown = tune({"search", uniform, "--progress", "always"});
  EXPECT_NE(shown.err.find("plans tried; best"), std::string::npos) << shown.err;
}

TEST_F(Tune, HostileSpacesAreRefused) {
  const std::pair<const char*, const char*> refused[] = {
      {"[]", "object"},
      {"{", "line 1"},
      {R"({"tpp": [1]})", "did you mean tp"},
      {R"({"tp": 2})", "tp"},
      {R"({"tp": []})", "tp"},
      {R"({"tp": [2, 2]})", "twice"},
      {R"({"tp": [0]})", "tp[0]"},
      {R"({"tp": [1.5]})", "whole number"},
      {R"({"tp": [1e300]})", "tp[0]"},
      {R"({"tp": [null]})", "tp[0]"},
      {R"({"tp": ["2"]})", "tp[0]"},
      {R"({"zero": [4]})", "zero[0]"},
      {R"({"schedule": ["1f2b"]})", "1f1b"},
      {R"({"sequence_parallel": [1]})", "sequence_parallel[0]"},
      {R"({"tp": [1], "tp": [2]})", "tp"},
  };
  for (const auto& [space, part] : refused)
    EXPECT_TRUE(complains(tune({"search", job, "--space", write("space.json", space)}), 2, part)) << space;
  EXPECT_TRUE(complains(tune({"search", job, "--space", path("none.json")}), 2, "none.json"));
  std::string many = R"({"tp": [1)";
  for (int i = 2; i < 6000; ++i) many += "," + std::to_string(i);
  EXPECT_TRUE(complains(tune({"search", job, "--space", write("space.json", many + "]}")}), 2, "tp"));
  // More combinations than whole numbers: nine keys of 4,000 values would be.
  std::string numbers = "[1";
  for (int i = 2; i <= 4000; ++i) numbers += "," + std::to_string(i);
  std::string vast = "{";
  for (const char* key : {"tp", "pp", "dp", "micro_batch"})
    vast += "\"" + std::string(key) + "\": " + numbers + "],";
  vast += R"("zero": [0, 1], "vpp": [1, 2, 3, 4, 5, 6, 7, 8, 9, 10], "recompute": ["none", "full"]})";
  EXPECT_TRUE(
      complains(tune({"search", job, "--space", write("space.json", vast)}), 2, "too many combinations"));
}

TEST_F(Tune, ForbiddingEverythingSaysWhatThereWas) {
  EXPECT_TRUE(complains(tune({"search", job, "--forbid", "plan.zero=0", "--forbid", "plan.zero=1"}), 2,
                        "--forbid plan.zero: leaves no value to try, of 1; take back one of those"));
}

/// The space of a trillion parameters takes seconds, and the events of its best more.
TEST_F(Tune, ATimeLimitIsThatOfTheWholeCommand) {
  const Ended ended = tune(
      {"search", std::string(DS_SOURCE_DIR) + "/profiles/jobs/gpt-1t-4096-a100.json", "--time-limit", "0.3"});
  EXPECT_EQ(ended.status, 0) << ended.err;
  if (!sanitized()) {
    EXPECT_LT(ended.wall_s, 0.3 + 6);  // one on an idle machine; others share it here
  }
}

/// Where the best are still to be played by events, it had not ended.
TEST_F(Tune, CtrlCIs130AsLongAsSomethingIsLeftToDo) {
  for (const char* when : {"ds: read the job", "ds: search"}) {
    const Ended ended = tune({"search", std::string(DS_SOURCE_DIR) + "/profiles/jobs/gpt-1t-4096-a100.json",
                              "-v", "--time-limit", "0.5", "--method", "random"},
                             {.signal = SignalWhen{when, SIGINT}});
    EXPECT_EQ(ended.status, 130) << when << ended.err;
  }
}

TEST_F(Tune, WhatIsNotThereYetIsSaid) {
  for (const auto& [words, part] :
       {std::pair{Words{"--method", "exact"}, "exact is not supported yet"},
        std::pair{Words{"--method", "magic"}, "is magic"},
        std::pair{Words{"--export", "megatron"}, "a machine without GPUs"},
        std::pair{Words{"--export", "xml"}, "is xml"}, std::pair{Words{"--evals", "0"}, "--evals"},
        std::pair{Words{"--top", "0"}, "--top"}, std::pair{Words{"--time-limit", "-1"}, "--time-limit"},
        std::pair{Words{"--set", "tune.objective=cost"}, "tune.objective"},
        std::pair{Words{"--set", "model.heads=3"}, "model."}}) {
    Words all{"search", job};
    all.insert(all.end(), words.begin(), words.end());
    EXPECT_TRUE(complains(tune(all), 2, part)) << words[0] << words[1];
  }
}

}  // namespace
}  // namespace ds::e2e
