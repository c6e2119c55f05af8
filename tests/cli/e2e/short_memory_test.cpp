// Address space that is scarce, as `ulimit -v` makes it, from what a program just starts with to what it needs: an answer, or one
// line that says what is missing. Never an end without a word, and never one that does not come.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include "tests/cli/e2e/world.h"

namespace ds::e2e {
namespace {

class ShortMemory : public World {
 protected:
  void SetUp() override {
    if (sanitized()) GTEST_SKIP() << "sanitizers reserve terabytes";
  }

  /// By a shell, since a limit on ourselves would keep us from starting anything.
  Ended run_within(int megabytes, const Words& command) const {
    Words words{"/bin/sh", "-c", "ulimit -v $1; shift; exec \"$@\"", "sh", std::to_string(1000 * megabytes)};
    words.insert(words.end(), command.begin(), command.end());
    return run(words, {.environment = {"XDG_CACHE_HOME=" + path("cache")}, .time_limit_s = 30});
  }

  void expect_an_answer_or_a_line(const Words& command, std::initializer_list<int> limits) const {
    for (const int megabytes : limits) {
      const Ended ended = run_within(megabytes, command);
      SCOPED_TRACE(fmt::format("{} {} within {} MB: {}", command[0], command[1], megabytes, ended.err));
      if (ended.status == 127) continue;  // not even its libraries could be loaded
      EXPECT_FALSE(ended.timed_out);
      EXPECT_EQ(ended.signal, 0);
      EXPECT_TRUE(ended.status <= 1 || ended.status == 3) << ended.status;
      if (ended.status != 3) continue;
      EXPECT_EQ(lines(ended.err).size(), 1U);
      EXPECT_TRUE(ended.err.starts_with("ds: "));
      EXPECT_TRUE(ended.err.find("memory") != std::string::npos) << "says what is missing";
      EXPECT_EQ(ended.err.find("mistake"), std::string::npos);
    }
  }

  std::string cluster(const char* name, int layers, int nodes, int pp) const {
    return write(name, fmt::format(R"({{
        "model": {{"family": "gpt", "layers": {}, "hidden": 256, "heads": 4, "ffn_hidden": 1024, "vocab": 1000,
                  "tied_embeddings": false}},
        "cluster": {{"node": "dgx-h100", "nodes": {}}}, "train": {{"sequence_length": 256, "global_batch": 512}},
        "plan": {{"pp": {}}}}})",
                                   layers, nodes, pp));
  }
  std::string program(const char* name) const { return std::string(DS_BINARY_DIR "/bin/") + name; }
};

TEST_F(ShortMemory, OfASimulationIsSaidInALine) {
  const std::string large = cluster("large.json", 256, 512, 256);
  for (const char* depth : {"analytic", "event"})
    expect_an_answer_or_a_line({program("ds-sim"), "run", large, "-q", "--depth", depth},
                               {20, 25, 30, 40, 60, 100});
  expect_an_answer_or_a_line({program("ds-sim"), "presets"}, {20, 30});
}

/// Threads reserve arenas of 64 MB each, and where they do not get them, a sweep of a second took a minute.
TEST_F(ShortMemory, OfASweepDoesNotSlowItDown) {
  const std::string small = cluster("small.json", 8, 1, 2);
  expect_an_answer_or_a_line(
      {program("ds-sim"), "sweep", small, "--over", "plan.micro_batch=1,2,4", "--jobs", "2"},
      {30, 45, 60, 80, 100, 120});
}

TEST_F(ShortMemory, OfASearchIsSaidInALine) {
  const std::string large = cluster("large.json", 256, 512, 256);
  expect_an_answer_or_a_line({program("ds-tune"), "search", large, "--evals", "3", "--jobs", "2"},
                             {20, 24, 30, 36, 45, 60, 80, 100, 150, 250});
}

TEST_F(ShortMemory, OfATrainingIsSaidInALine) {
  const std::string job = write("job.json", kTinyJob), text = write("text", std::string(20'000, 'a'));
  // From where OpenBLAS, which starts threads when it is loaded, does not end the program before it begins.
  for (const char* command : {"run", "compare"})
    for (const char* plan : {"plan.dp=1", "plan.dp=2"})
      expect_an_answer_or_a_line(
          {program("ds-exec"), command, job, "--data", text, "--steps", "2", "-q", "--set", plan},
          {90, 120, 160, 220, 300, 400});
}

}  // namespace
}  // namespace ds::e2e
