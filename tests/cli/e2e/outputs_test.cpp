// Where results go: what cannot be written is said before anything runs, nothing overwrites anything, and one output that fails
// takes no other with it.
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <thread>

#include "tests/cli/e2e/world.h"

namespace ds::e2e {
namespace {

class Outputs : public World {
 protected:
  Outputs() : job(write("job.json", kTinyJob)), text(write("text", some_text(4000))) {}

  Ended train(const Words& more) const {
    Words all{"run", job, "--data", text, "--steps", "4", "-q"};
    all.insert(all.end(), more.begin(), more.end());
    return exec(all);
  }

  std::string job, text;
};

TEST_F(Outputs, ThatAreOneFileAreRefused) {
  const std::string out = path("out.json");
  EXPECT_TRUE(complains(train({"--report", out, "--metrics", out}), 2, "--metrics"));
  EXPECT_TRUE(complains(train({"--report", out, "--trace", path("./out.json")}), 2, "--trace"));
  EXPECT_TRUE(complains(sim({"run", job, "--report", out, "--dump-program", out}), 2, "--dump-program"));
  std::filesystem::create_symlink("there", path("link"));
  EXPECT_TRUE(complains(train({"--report", path("there"), "--metrics", path("link")}), 2, "--metrics"));
  EXPECT_EQ(entries(), (Words{"cache", "job.json", "link", "text"}));
  EXPECT_EQ(train({"--report", "/dev/null", "--metrics", "/dev/null"}).status, 0);
}

TEST_F(Outputs, ThatAreInputsAreRefused) {
  EXPECT_TRUE(complains(train({"--report", path("./job.json")}), 2, "--report"));
  EXPECT_TRUE(complains(train({"--metrics", text}), 2, "--metrics"));
  EXPECT_TRUE(complains(sim({"run", job, "--report", job}), 2, "--report"));
  EXPECT_TRUE(complains(tune({"search", job, "--report", job}), 2, "--report"));
  const std::string cases = write("cases.json", "[]");
  EXPECT_TRUE(complains(sim({"validate", cases, "--report", cases}), 2, "--report"));
  EXPECT_EQ(read(job), kTinyJob);
  EXPECT_EQ(read(text), some_text(4000));
}

TEST_F(Outputs, ThatCannotBeWrittenAreRefusedAtOnce) {
  write("protected", "as it was");
  ::chmod(path("protected").c_str(), 0444);
  EXPECT_TRUE(complains(train({"--report", path("protected")}), 2, "write-protected"));
  EXPECT_EQ(read(path("protected")), "as it was");
  ASSERT_EQ(::mkfifo(path("fifo").c_str(), 0600), 0);
  EXPECT_TRUE(complains(train({"--report", path("fifo")}), 2, "nobody reads"));
  EXPECT_TRUE(complains(train({"--trace", path("no/such/folder")}), 2, "is not a folder"));
}

/// A reader that waits in open() sees the whole and then the end, not the end of a first look.
/// /proc takes no files, although access() tells root that it does. Calibration takes minutes, and is not to end in that.
TEST_F(Outputs, IntoAFolderThatTakesNoFilesAreRefusedAtOnce) {
  const std::string part = ": nothing may be written in /proc";
  EXPECT_TRUE(complains(exec({"calibrate", "--out", "/proc/p.json"}), 2, "--out" + part));
  EXPECT_TRUE(complains(train({"--trace", "/proc/t"}), 2, "--trace" + part));
  EXPECT_TRUE(complains(tune({"search", job, "--report", "/proc/r"}), 2, "--report" + part));
  EXPECT_TRUE(
      complains(sim({"sweep", job, "--over", "plan.micro_batch=1", "--csv", "/proc/c"}), 2, "--csv" + part));
  EXPECT_EQ(train({"--report", path("r.json"), "--metrics", path("m"), "--trace", path("t")}).status, 0);
  EXPECT_EQ(entries(), (Words{"cache", "job.json", "m", "r.json", "t", "text"}));  // nothing of the trial
}

/// What is opened next must not take the place of a stream that is closed, and statuses are the same.
TEST_F(Outputs, AreThemselvesWhereStandardStreamsAreClosed) {
  const Words two{"run",       job,  "--data",    text,      "--steps",  "2",      "--set",
                  "plan.dp=2", "-v", "--metrics", path("m"), "--report", path("r")};
  for (const std::vector<int>& closed : std::vector<std::vector<int>>{{0}, {2}, {0, 2}, {1}, {0, 1, 2}}) {
    const bool shown = std::ranges::find(closed, 1) == closed.end(),
               said = std::ranges::find(closed, 2) == closed.end();
    const Ended ended = exec(two, {.closed = closed});
    EXPECT_EQ(ended.status, shown ? 0 : 3) << ended.err;
    EXPECT_EQ(ended.err.find("ds: standard output cannot be written\n") != std::string::npos, said && !shown);
    for (const std::string& line : lines(read(path("m")))) EXPECT_TRUE(line.starts_with("{\"step\"")) << line;
    EXPECT_EQ(schema_faults("exec-report", read(path("r"))), "");
    EXPECT_EQ(sim({"run", path("none.json")}, {.closed = closed}).status, 2);
    EXPECT_EQ(tune({"search", path("none.json")}, {.closed = closed}).status, 2);
    EXPECT_EQ(exec({"run", path("none.json")}, {.closed = closed}).status, 2);
    EXPECT_EQ(sim({"run", job}, {.closed = closed}).status, shown ? 0 : 3);
    EXPECT_EQ(tune({"search", job, "--evals", "2", "--progress", "always"}, {.closed = closed}).status,
              shown ? 0 : 3);
  }
}

TEST_F(Outputs, ToAPipeReachWhoeverReadsIt) {
  ASSERT_EQ(::mkfifo(path("fifo").c_str(), 0600), 0);
  // Long enough between the first look and the text for a reader to see an end.
  const std::string large =
      write("large.json", R"({"model": "gpt-3m", "cluster": {"node": "localhost", "nodes": 1},
                                                    "train": {"sequence_length": 32, "global_batch": 1024}})");
  const Words run{"run", large, "-q", "--depth", "event", "--trace", path("fifo")};
  std::string seen;
  std::thread reader([&] {
    std::ifstream pipe(path("fifo"));
    seen.assign(std::istreambuf_iterator<char>(pipe), {});
  });
  Ended ended = sim(run);
  // The reader may not have come yet.
  while (ended.status == 2) ended = sim(run);
  reader.join();
  EXPECT_EQ(ended.status, 0) << ended.err;
  EXPECT_TRUE(seen.starts_with("{") && seen.ends_with("]}\n")) << seen.size();
}

TEST_F(Outputs, ThatFailTakeNoOthersWithThem) {
  EXPECT_EQ(train({"--report", "/dev/full", "--metrics", path("metrics"), "--trace", path("trace")}).status,
            3);
  EXPECT_GT(read(path("metrics")).size(), 100U);
  EXPECT_GT(read(path("trace")).size(), 100U);
  EXPECT_EQ(sim({"run", job, "--dump-program", "/dev/full", "--report", path("report")}).status, 3);
  EXPECT_GT(read(path("report")).size(), 100U);
}

TEST_F(Outputs, OfARunThatDiesBeforeItsFirstStepStayAsTheyWere) {
  write("metrics", "of yesterday");
  const Ended ended = train({"--metrics", path("metrics"), "--set", "train.learning_rate=1e300"});
  EXPECT_EQ(ended.status, 1) << ended.err;
  if (ended.err.find("step 0") != std::string::npos) {
    EXPECT_EQ(read(path("metrics")), "of yesterday");
  }
  EXPECT_NE(ended.err.find("train.learning_rate"), std::string::npos) << ended.err;
}

}  // namespace
}  // namespace ds::e2e
