// Ctrl-C, SIGTERM and closed pipes, where there is nothing to save: ds-sim is gone at once and nothing is half-written. What
// ds-exec saves: exec_test.cpp.

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <csignal>
#include <nlohmann/json.hpp>

#include "tests/cli/e2e/world.h"

namespace ds::e2e {
namespace {

constexpr double kSoon = 10;  // seconds, on a busy machine; what is waited for here would never come

class Signals : public World {
 protected:
  Signals()
      : job(write("job.json", R"({"model": "gpt-3m", "cluster": {"node": "localhost", "nodes": 1},
                                   "train": {"sequence_length": 32, "global_batch": 1024}})")) {}
  std::string job;
};

/// A trace of 18 MB to a FIFO that is open, and that nobody reads from: the program waits in the middle of its work for as long as one likes.
TEST_F(Signals, EndDsSimAtTheFirst) {
  ASSERT_EQ(::mkfifo(path("fifo").c_str(), 0600), 0);
  const int reader = ::open(path("fifo").c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC);
  ASSERT_GE(reader, 0);
  for (const auto& [signal, status] : {std::pair{SIGINT, 130}, std::pair{SIGTERM, 143}}) {
    const Ended ended = sim({"run", job, "-v", "--depth", "event", "--trace", path("fifo")},
                            {.time_limit_s = kSoon, .signal = SignalWhen{"ds: render", signal}});
    EXPECT_EQ(ended.status, status) << ended.err;
    EXPECT_EQ(ended.signal, 0);  // it ended by itself
    EXPECT_FALSE(ended.timed_out);
    EXPECT_EQ(ended.out, "");
    EXPECT_EQ(entries(), (Words{"cache", "fifo", "job.json"}));
  }
  ::close(reader);
}

/// The signal comes while 18 MB of trace are written and synced.
TEST_F(Signals, LeaveNoHalfWrittenFile) {
  for (int round = 0; round < 2; ++round) {
    const Ended ended = sim({"run", job, "-v", "--depth", "event", "--trace", path("trace.json")},
                            {.signal = SignalWhen{"ds: render", SIGINT}});
    EXPECT_TRUE(ended.status == 130 || ended.status == 0) << ended.status << ended.err;
    const Words left = entries();
    for (const std::string& name : left)
      EXPECT_TRUE(name == "cache" || name == "job.json" || name == "trace.json") << name;
    if (!std::filesystem::exists(path("trace.json"))) continue;
    EXPECT_TRUE(nlohmann::json::accept(read(path("trace.json"))));
    std::filesystem::remove(path("trace.json"));
  }
}

/// Four million GPUs in a thousand stages: seconds for a point, whatever of it is under way. By processor time, since a busy machine
/// lengthens every wait.
TEST_F(Signals, EndASweepAtOnceWithWhatItHas) {
  const std::string large = write("large.json", R"({
    "model": {"family": "gpt", "layers": 1024, "hidden": 256, "heads": 4, "ffn_hidden": 1024, "vocab": 1000,
              "tied_embeddings": false},
    "cluster": {"node": "dgx-h100", "nodes": 524288}, "train": {"sequence_length": 256, "global_batch": 8192},
    "plan": {"pp": 1024}})");
  for (const auto& [signal, status] : {std::pair{SIGINT, 130}, std::pair{SIGTERM, 143}}) {
    const Ended ended = sim({"sweep", large, "--over", "seed=1,2,3,4,5,6", "-v", "--csv", path("points.csv")},
                            {.signal = SignalWhen{"ds: read the job", signal}});
    EXPECT_EQ(ended.status, status) << ended.err;
    EXPECT_NE(ended.err.find("ds: stopped at 0 of 6 points"), std::string::npos) << ended.err;
    EXPECT_TRUE(std::filesystem::exists(path("points.csv")));
    if (!sanitized()) {
      EXPECT_LT(ended.processor_after_signal_s, 1);
    }
  }
}

/// A point of nine thousand is read in a moment, all of them are not.
TEST_F(Signals, EndASweepThatStillReads) {
  std::string seeds = "seed=0";
  for (int seed = 1; seed < 9000; ++seed) seeds += "," + std::to_string(seed);
  const Ended ended = sim({"sweep", job, "--over", seeds, "-v"}, {.signal = SignalWhen{"ds: read", SIGTERM}});
  EXPECT_EQ(ended.status, 143) << ended.err;
  if (!sanitized()) {
    EXPECT_LT(ended.processor_after_signal_s, 1);
  }
}

/// 16,384 layers: minutes of searching.
TEST_F(Signals, EndASearchSoonWhateverItIsAt) {
  const std::string large = write("large.json", R"({
    "model": {"family": "gpt", "layers": 16384, "hidden": 256, "heads": 4, "ffn_hidden": 1024, "vocab": 1000},
    "cluster": {"node": "dgx-h100", "nodes": 1}, "train": {"sequence_length": 256, "global_batch": 8}})");
  const Ended ended = tune({"search", large, "-v"}, {.signal = SignalWhen{"ds: read", SIGTERM}});
  EXPECT_EQ(ended.status, 143) << ended.err;
  EXPECT_LT(ended.after_signal_s, sanitized() ? 60 : 12);
}

/// Four million GPUs in a thousand stages: combinations by the hundred thousand, and some that take seconds alone.
class SignalsOfMillions : public Signals {
 protected:
  SignalsOfMillions()
      : job(write("millions.json", R"({
          "model": {"family": "gpt", "layers": 1024, "hidden": 256, "heads": 4, "ffn_hidden": 1024,
                    "vocab": 1000, "tied_embeddings": false},
          "cluster": {"node": "dgx-h100", "nodes": 524288},
          "train": {"sequence_length": 256, "global_batch": 8192}, "plan": {"pp": 1024}})")) {}
  std::string job;
};

TEST_F(SignalsOfMillions, EndASearchWithWhatItHas) {
  for (const auto& [signal, status] : {std::pair{SIGINT, 130}, std::pair{SIGTERM, 143}}) {
    const Ended ended = tune({"search", job, "-v", "--report", path("report.json")},
                             {.signal = SignalWhen{"ds: read the job", signal}});
    EXPECT_EQ(ended.status, status) << ended.err;
    EXPECT_NE(ended.out.find("not proven, stopped"), std::string::npos) << ended.out;
    EXPECT_TRUE(nlohmann::json::accept(read(path("report.json"))));
    if (!sanitized()) {
      EXPECT_LT(ended.processor_after_signal_s, 1);
    }
  }
}

TEST_F(SignalsOfMillions, ALimitOfTimeEndsASearchWhateverItIsAt) {
  const Ended ended = tune({"search", job, "--time-limit", "0.5"});
  EXPECT_LE(ended.status, 1) << ended.err;  // 1 where the first plan takes longer than that and two seconds
  EXPECT_NE(ended.out.find("--time-limit ended it"), std::string::npos) << ended.out;
  if (!sanitized()) {
    EXPECT_LT(ended.wall_s, 8);  // three on an idle machine
  }
}

TEST_F(Signals, AClosedPipeEndsEveryListQuietly) {
  for (const Words& words : {Words{"presets"}, Words{"limits"}, Words{"schema", "job"},
                             Words{"presets", "--report", "-"}, Words{"run", job, "--dump-program", "-"}}) {
    const Ended ended = sim(words, {.closed_output = true});
    EXPECT_EQ(ended.err, "") << words[0];
    EXPECT_FALSE(ended.dumped_core);
    EXPECT_EQ(ended.signal, SIGPIPE) << words[0] << ended.status;
  }
}

}  // namespace
}  // namespace ds::e2e
