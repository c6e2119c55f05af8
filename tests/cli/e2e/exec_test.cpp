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

TEST_F(Exec, ATraceOfStepsThatAllWarmUpIsRefusedBeforeTheyAreTaken) {
  for (const char* command : {"run", "compare"})
    EXPECT_TRUE(complains(exec(with(command, {"--steps", "2", "--trace", path("trace.json")})), 2,
                          "at least 3 steps have one"));
  EXPECT_FALSE(std::filesystem::exists(path("trace.json")));
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
  const std::string file = write("kept", "earlier");
  const Words before = entries();
  const Ended ended = exec(with("run", {"--steps", "40", "--report", file}), {.file_bytes = 1000});
  EXPECT_TRUE(complains(ended, 3, file + ": cannot write: File too large"));
  EXPECT_EQ(read(file), "earlier");
  EXPECT_EQ(entries(), before);
}

/// Metrics are written as steps end: what found room stays, without a line of which half is missing.
TEST_F(Exec, AFullDiskKeepsTheMetricsThatFoundRoom) {
  const std::string file = write("metrics", "earlier");
  const Words before = entries();
  const Ended ended = exec(with("run", {"--steps", "40", "--metrics", file}), {.file_bytes = 1000});
  EXPECT_TRUE(complains(ended, 3, file + ": cannot write: File too large"));
  const Words kept = lines(read(file));
  EXPECT_GE(kept.size(), 3U);
  EXPECT_LT(kept.size(), 40U);
  for (std::size_t i = 0; i < kept.size(); ++i) EXPECT_EQ(Json::parse(kept[i])["step"], i);
  EXPECT_TRUE(read(file).ends_with("}\n"));
  EXPECT_EQ(entries(), before);
}

TEST_F(Exec, MetricsCanBeFollowedWhileTheRunGoesOn) {
  std::string seen;
  const Ended ended = exec(
      with("run", {"--steps", "1000000", "--metrics", write("m.jsonl", "earlier"), "--progress", "always"}),
      {.signal =
           SignalWhen{"step 1/", SIGINT, SignalWhen::To::program, [&] { seen = read(path("m.jsonl")); }}});
  EXPECT_EQ(ended.status, 130) << ended.err;
  ASSERT_GE(lines(seen).size(), 1U);
  EXPECT_EQ(Json::parse(lines(seen)[0])["step"], 0);
}

TEST_F(Exec, AStopSaysHowFarItCameAndWhatIsKept) {
  const std::string metrics = path("m.jsonl");
  const Ended ended = exec(with("run", {"--steps", "1000000", "--metrics", metrics, "--progress", "always"}),
                           {.signal = SignalWhen{"step ", SIGINT}});
  EXPECT_EQ(ended.status, 130);
  const std::string steps = std::to_string(lines(read(metrics)).size());
  EXPECT_EQ(lines(ended.err).back(),
            "ds: stopped at step " + steps + " of 1000000; " + metrics + " holds what was reached");
}

/// A step of minutes, whose end nobody is to wait for.
TEST_F(Exec, AStopInTheMiddleOfALongStepEndsSoonAllTheSame) {
  for (const Words& plan : {Words{"--set", "plan.dp=1"}, Words{"--set", "plan.dp=2"}}) {
    Words words =
        with("run", {"--steps", "3", "-v", "--set", "train.global_batch=2048", "--set", "model.hidden=1024",
                     "--set", "model.ffn_hidden=4096", "--set", "train.sequence_length=256"});
    words.insert(words.end(), plan.begin(), plan.end());
    const Ended ended = exec(words, {.signal = SignalWhen{"ds: predict", SIGTERM}});
    EXPECT_EQ(ended.status, 143) << ended.err;
    EXPECT_LT(ended.after_signal_s, 12);
    EXPECT_EQ(lines(ended.err).back(), "ds: stopped before the first of 3 steps") << ended.err;
  }
}

TEST_F(Exec, ARateThatDivergesIsBlamedByTheNameOfItsKey) {
  const Ended ended = exec(with("run", {"--steps", "50", "--set", "train.learning_rate=1e9"}));
  EXPECT_TRUE(complains(ended, 1, "train.learning_rate"));
  EXPECT_EQ(ended.err.find("base_learning_rate"), std::string::npos) << ended.err;
}

/// Room for the arena, and none for what a BLAS takes at its first product.
TEST_F(Exec, AddressSpaceThatIsTooSmallIsOneLineSoon) {
  if (sanitized()) GTEST_SKIP() << "sanitizers reserve terabytes";
  for (const auto& [plan, bytes] :
       {std::pair{"plan.dp=1", 150'000'000L}, {"plan.dp=2", 600'000L * 1024}, {"plan.dp=2", 100'000'000L}})
    for (const char* command : {"run", "compare"}) {
      const Ended ended =
          exec(with(command, {"--steps", "3", "--set", plan}), {.time_limit_s = 10, .address_bytes = bytes});
      EXPECT_TRUE(complains(ended, 3, "not enough memory")) << plan << bytes;
    }
}

/// A hole of a GiB, which costs no disk; its end holds what the last tenth is judged by.
TEST_F(Exec, ATextOfAGibibyteTakesNoMemory) {
  const std::string large = write("large", "text");
  std::filesystem::resize_file(large, std::uintmax_t{1} << 30U);
  for (const char* plan : {"plan.dp=1", "plan.dp=2"}) {
    const Ended ended = exec({"run", job, "--data", large, "--steps", "3", "--report", "-", "--set", plan});
    ASSERT_EQ(ended.status, 0) << ended.err;
    const Json report = Json::parse(ended.out);
    for (const Json& bytes : report["measured"]["resident_bytes_per_rank"])
      EXPECT_LT(bytes.get<double>(), sanitized() ? 700e6 : 150e6) << plan;
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
