// ds-exec as a shell sees it: reports, metrics, memory to the byte, and everything that can go wrong around it.
#include <gtest/gtest.h>

#include <csignal>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "tests/cli/e2e/world.h"

namespace ds::e2e {
namespace {

using Json = nlohmann::json;

class Exec : public World {
 protected:
  Exec() : job(write("job.json", kTinyJob)), text(write("text", some_text(20000))) {}

  Words with(const std::string& command, const Words& more) const {
    Words words{command, job, "--data", text};
    words.insert(words.end(), more.begin(), more.end());
    return words;
  }

  void expect_equal_peaks(const Words& set) const {
    Words run = with("run", {"--steps", "1", "--report", "-"});
    run.insert(run.end(), set.begin(), set.end());
    const Ended measured = exec(run);
    ASSERT_EQ(measured.status, 0) << measured.err;
    const Json peak = Json::parse(measured.out)["measured"]["peak_bytes_per_rank"][0];
    for (const char* depth : {"event", "analytic"}) {
      Words predict{"run", job, "--depth", depth, "--report", "-"};
      predict.insert(predict.end(), set.begin(), set.end());
      EXPECT_EQ(Json::parse(sim(predict).out)["memory"]["peak_bytes"], peak) << testing::PrintToString(set);
    }
  }

  /// A run that would take hours, stopped by `signal` once it is under way.
  void expect_saved(const std::string& command, int signal, int status) const {
    SCOPED_TRACE(command);
    const Ended ended = exec(with(command, {"--steps", "1000000", "--report", path("r.json"), "--metrics",
                                            path("m.jsonl"), "--progress", "always"}),
                             {.signal = SignalWhen{"step ", signal}});
    EXPECT_EQ(ended.status, status) << ended.err;
    EXPECT_FALSE(ended.timed_out);
    const std::string report = read(path("r.json"));
    EXPECT_EQ(schema_faults("exec-report", report), "");
    const std::size_t steps = Json::parse(report)["steps"].size();
    EXPECT_GE(steps, 1U);
    EXPECT_EQ(lines(read(path("m.jsonl"))).size(), steps);
    EXPECT_EQ(entries(), (Words{"cache", "job.json", "m.jsonl", "r.json", "text"}));
    std::filesystem::remove(path("r.json"));
    std::filesystem::remove(path("m.jsonl"));
  }

  std::string job, text;
};

TEST_F(Exec, RunWritesAReportAndALineOfMetricsAStep) {
  const Ended ended =
      exec(with("run", {"--steps", "5", "--report", path("r.json"), "--metrics", path("m.jsonl")}));
  ASSERT_EQ(ended.status, 0) << ended.err;
  const std::string report = read(path("r.json"));
  EXPECT_EQ(schema_faults("exec-report", report), "");
  const Json json = Json::parse(report);
  EXPECT_EQ(schema_faults("report", json["predicted"]["report"].dump()), "");
  EXPECT_TRUE(json["measured"].contains("step_time_s"));
  double parts = 0;
  for (const Json& part : json["measured"]["time_s"]) parts += part.get<double>();
  EXPECT_NEAR(parts, json["measured"]["step_time_s"], 1e-9 * parts);
  ASSERT_EQ(json["steps"].size(), 5U);
  const Words metrics = lines(read(path("m.jsonl")));
  ASSERT_EQ(metrics.size(), 5U);
  for (std::size_t i = 0; i < 5; ++i) EXPECT_EQ(Json::parse(metrics[i]), json["steps"][i]);
}

TEST_F(Exec, MetricsOnStandardOutputArePureJsonLines) {
  const Ended ended = exec(with("run", {"--steps", "2", "--metrics", "-"}));
  ASSERT_EQ(ended.status, 0) << ended.err;
  const Words metrics = lines(ended.out);
  ASSERT_EQ(metrics.size(), 2U);
  for (const std::string& line : metrics) EXPECT_TRUE(Json::parse(line).contains("loss"));
}

TEST_F(Exec, StepsTooFewToMeasureStillGiveAReport) {
  for (const char* steps : {"0", "1", "2"}) {
    SCOPED_TRACE(steps);
    // The run itself has an answer; the comparison is an honest no.
    EXPECT_EQ(exec(with("run", {"--steps", steps, "--report", path("run.json")})).status, 0);
    EXPECT_EQ(exec(with("compare", {"--steps", steps, "--report", path("compare.json")})).status, 1);
    for (const char* name : {"run.json", "compare.json"}) {
      EXPECT_EQ(schema_faults("exec-report", read(path(name))), "");
      EXPECT_EQ(Json::parse(read(path(name)))["steps"].size(), std::stoul(steps));
    }
  }
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
          expect_equal_peaks(set);
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
    EXPECT_TRUE(complains(exec({"run", job, "--data", path(name), "--steps", "1"}), 2, path(name)));
  EXPECT_TRUE(complains(exec({"run", job, "--steps", "1"}), 2, "execute.data"));
  EXPECT_TRUE(complains(exec({"run", job, "--data", text}), 2, "execute.steps"));
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
    EXPECT_TRUE(complains(ended, 3, file + ": cannot write: File too large"));
    EXPECT_EQ(read(file), "earlier");
    EXPECT_EQ(entries(), before);
  }
}

TEST_F(Exec, AFullDiskUnderTheMetricsCostsNoReport) {
  const Ended ended =
      exec(with("run", {"--steps", "3", "--report", path("r.json"), "--metrics", "/dev/full"}));
  EXPECT_TRUE(complains(ended, 3, "/dev/full: cannot write: No space left"));
  EXPECT_EQ(schema_faults("exec-report", read(path("r.json"))), "");
}

TEST_F(Exec, OutputsThatCannotBeFilesAreRefusedBeforeAnyWork) {
  for (const char* command : {"run", "compare"})
    for (const char* option : {"--report", "--metrics", "--trace"}) {
      EXPECT_TRUE(complains(exec(with(command, {"--steps", "2", option, path("cache")})), 2, option));
      EXPECT_TRUE(complains(exec(with(command, {"--steps", "2", option, path("none/x")})), 2, option));
    }
  EXPECT_TRUE(
      complains(exec(with("run", {"--steps", "2", "--report", "-", "--metrics", "-"})), 2, "--metrics"));
  EXPECT_TRUE(complains(exec({"calibrate", "--out", path("none/x")}), 2, "--out"));
}

TEST_F(Exec, CtrlCSavesWhatWasReached) {
  for (const char* command : {"run", "compare"}) {
    expect_saved(command, SIGINT, 130);
    expect_saved(command, SIGTERM, 143);
  }
}

TEST_F(Exec, APlanThatDoesNotFitIsRefusedBeforeItIsTried) {
  const Ended ended =
      exec(with("run", {"--steps", "1", "--set", "model.hidden=65536", "--set", "model.layers=64"}),
           {.address_bytes = 1LL << 30});
  EXPECT_TRUE(complains(ended, 1, "does not fit"));
}

TEST_F(Exec, AClosedPipeEndsQuietly) {
  for (const Words& more : {Words{"--report", "-"}, Words{}}) {
    Words words = with("run", {"--steps", "2"});
    words.insert(words.end(), more.begin(), more.end());
    const Ended ended = exec(words, {.closed_output = true});
    EXPECT_FALSE(ended.dumped_core);
    EXPECT_TRUE(ended.status == 0 || ended.signal == SIGPIPE) << ended.status;
    EXPECT_EQ(ended.err, "");
  }
}

TEST_F(Exec, WhatIsNotBuiltIsSaid) {
  EXPECT_TRUE(complains(exec(with("run", {"--steps", "1", "--device", "cuda"})), 2, "not supported yet"));
  EXPECT_TRUE(complains(exec(with("run", {"--steps", "1", "--set", "plan.cp=2"})), 2, "plan.cp"));
  const Ended gpus = exec(with("run", {"--steps", "1", "--set", "train.global_batch=16", "--set",
                                       "cluster.node=dgx-a100-80g", "--set", "software=ds-exec"}));
  EXPECT_TRUE(complains(gpus, 2, "GPUs is not supported yet"));
  EXPECT_TRUE(complains(exec({"no-such-command"}), 2));
}

}  // namespace
}  // namespace ds::e2e
