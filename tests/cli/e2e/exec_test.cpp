// ds-exec as a shell sees it: reports, metrics, memory to the byte, and everything that can go wrong around it.
#include <gtest/gtest.h>

#include <csignal>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "tests/cli/e2e/world.h"

namespace ds::e2e {
namespace {

using Json = nlohmann::json;

constexpr const char* kTiny = R"({
  "model": {"family": "gpt", "layers": 1, "hidden": 16, "heads": 2, "ffn_hidden": 32, "vocab": 256},
  "cluster": {"node": "localhost", "nodes": 1},
  "train": {"sequence_length": 16, "global_batch": 4}, "plan": {"micro_batch": 2}})";

class Exec : public World {
 protected:
  Exec() : job_(write("job.json", kTiny)), text_(write("text", some_text(20000))) {}

  Words with(const std::string& command, const Words& more) const {
    Words words{command, job_, "--data", text_};
    words.insert(words.end(), more.begin(), more.end());
    return words;
  }

  std::string job_, text_;
};

TEST_F(Exec, RunWritesAReportAndALineOfMetricsAStep) {
  const Ended ended =
      exec(with("run", {"--steps", "5", "--report", path("r.json"), "--metrics", path("m.jsonl")}));
  ASSERT_EQ(ended.status, 0) << ended.err;
  const std::string report = read(path("r.json"));
  EXPECT_EQ(schema_faults("exec-report", report), "");
  const Json json = Json::parse(report);
  ASSERT_EQ(json["steps"].size(), 5U);
  const Words metrics = lines(read(path("m.jsonl")));
  ASSERT_EQ(metrics.size(), 5U);
  for (std::size_t i = 0; i < 5; ++i) EXPECT_EQ(Json::parse(metrics[i])["loss"], json["steps"][i]["loss"]);
}

TEST_F(Exec, CompareLaysBothSideBySideAndItsReportKeepsTheSchema) {
  const Ended ended =
      exec(with("compare", {"--steps", "5", "--report", path("r.json"), "--trace", path("t.json")}));
  ASSERT_EQ(ended.status, 0) << ended.err;
  for (const char* part : {"predicted", "measured", "linear forward", "peak memory", "equal"})
    EXPECT_NE(ended.out.find(part), std::string::npos) << part;
  const std::string report = read(path("r.json"));
  EXPECT_EQ(schema_faults("exec-report", report), "");
  const Json json = Json::parse(report);
  EXPECT_EQ(json["measured"]["peak_bytes_per_rank"], json["predicted"]["peak_bytes_per_rank"]);
  EXPECT_GT(json["classes"].size(), 10U);
  EXPECT_GT(Json::parse(read(path("t.json")))["traceEvents"].size(), 50U);
}

/// The executor measures the highest byte that it bound; the simulator lays out the program without running it.
TEST_F(Exec, MeasuredPeakEqualsThePredictedOneToTheByte) {
  int jobs = 0;
  for (const char* model : {"gpt-3m", "llama-3m"})
    for (const char* sequence : {"8", "33"})
      for (const char* micro_batch : {"1", "4"})
        for (const Words& more : {Words{}, Words{"--set", "plan.recompute=full"},
                                  Words{"--set", "plan.precision=fp64", "--set", "plan.attention=unfused"}}) {
          Words set{"--set", std::string("model=") + model,
                    "--set", std::string("train.sequence_length=") + sequence,
                    "--set", std::string("plan.micro_batch=") + micro_batch};
          set.insert(set.end(), more.begin(), more.end());
          Words run = with("run", {"--steps", "1", "--report", "-"});
          run.insert(run.end(), set.begin(), set.end());
          const Ended measured = exec(run);
          ASSERT_EQ(measured.status, 0) << measured.err;
          const Json peak = Json::parse(measured.out)["measured"]["peak_bytes_per_rank"][0];
          for (const char* depth : {"event", "analytic"}) {
            Words predict{"run", job_, "--depth", depth, "--report", "-"};
            predict.insert(predict.end(), set.begin(), set.end());
            EXPECT_EQ(Json::parse(sim(predict).out)["memory"]["peak_bytes"], peak);
          }
          ++jobs;
        }
  EXPECT_GE(jobs, 20);
}

TEST_F(Exec, TwoRunsGiveTheSameLosses) {
  const auto losses = [&] {
    Json list = Json::array();
    const Json report = Json::parse(exec(with("run", {"--steps", "4", "--report", "-"})).out);
    for (const Json& step : report["steps"]) list.push_back(step["loss"]);
    return list;
  };
  EXPECT_EQ(losses(), losses());
}

TEST_F(Exec, TextThatCannotBeUsedIsOneLineAndStatusTwo) {
  std::filesystem::create_directory(path("folder"));
  std::filesystem::create_symlink(path("nowhere"), path("dangling"));
  write("short", "too short");
  for (const char* name : {"missing", "folder", "dangling", "short"})
    EXPECT_TRUE(complains(exec({"run", job_, "--data", path(name), "--steps", "1"}), 2, path(name)));
  EXPECT_TRUE(complains(exec({"run", job_, "--steps", "1"}), 2, "execute.data"));
  EXPECT_TRUE(complains(exec({"run", job_, "--data", text_}), 2, "execute.steps"));
}

TEST_F(Exec, ALossThatIsNoNumberIsStatusOneAndLeavesTheEarlierReport) {
  const std::string report = write("r.json", "earlier");
  const Ended ended =
      exec(with("run", {"--steps", "30", "--report", report, "--set", "train.learning_rate=1e30"}));
  EXPECT_TRUE(complains(ended, 1, "step "));
  EXPECT_EQ(read(report), "earlier");
}

TEST_F(Exec, AFullDiskIsStatusThreeAndLeavesTheEarlierFileWhole) {
  for (const char* option : {"--report", "--metrics"}) {
    const std::string file = write("kept", "earlier");
    const Words before = entries();
    const Ended ended = exec(with("run", {"--steps", "40", option, file}), {.file_bytes = 1000});
    EXPECT_EQ(ended.status, 3);
    EXPECT_EQ(ended.signal, 0);
    EXPECT_NE(ended.err.find(file), std::string::npos) << ended.err;
    EXPECT_EQ(read(file), "earlier");
    EXPECT_EQ(entries(), before);
  }
}

TEST_F(Exec, CtrlCSavesWhatWasReached) {
  for (const auto& [signal, status] : {std::pair(SIGINT, 130), std::pair(SIGTERM, 143)}) {
    const Ended ended =
        exec(with("run", {"--steps", "1000000", "--report", path("r.json"), "--progress", "always"}),
             {.signal = SignalWhen{"step ", signal}});
    EXPECT_EQ(ended.status, status) << ended.err;
    const Json json = Json::parse(read(path("r.json")));
    EXPECT_GE(json["steps"].size(), 1U);
    std::filesystem::remove(path("r.json"));
  }
}

TEST_F(Exec, AClosedPipeEndsQuietly) {
  const Ended ended = exec(with("run", {"--steps", "2", "--report", "-", "-q"}), {.closed_output = true});
  EXPECT_FALSE(ended.dumped_core);
  EXPECT_EQ(ended.err, "");
}

TEST_F(Exec, WhatIsNotBuiltIsSaid) {
  EXPECT_TRUE(complains(exec(with("run", {"--steps", "1", "--device", "cuda"})), 2, "not supported yet"));
  EXPECT_TRUE(complains(exec(with("run", {"--steps", "1", "--set", "plan.dp=2"})), 2, "plan.dp"));
  EXPECT_TRUE(complains(exec({"no-such-command"}), 2));
}

}  // namespace
}  // namespace ds::e2e
