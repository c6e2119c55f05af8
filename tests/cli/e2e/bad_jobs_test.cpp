// What `ds-sim run` answers to files that are no good job: one line that names what is wrong, status 2, nothing written,
// soon and in little memory.

#include <sys/stat.h>

#include "tests/cli/e2e/world.h"
#include "tests/support/mutants.h"

namespace ds::e2e {
namespace {

constexpr double kTimeLimit = 2;
constexpr std::int64_t kMemoryLimit = 1LL << 30;

class BadJobs : public World {
 protected:
  Ended predict(const std::string& job) const {
    const Ended ended = sim({"run", job, "--report", path("out.json")}, {.address_bytes = 4 * kMemoryLimit});
    if (!sanitized()) {
      EXPECT_LT(ended.wall_s, kTimeLimit);
      EXPECT_LT(ended.resident_bytes, kMemoryLimit);
    }
    return ended;
  }

  void expect_answer(const support::Json& mutant, const support::Json& base) const {
    SCOPED_TRACE(mutant["id"].get<std::string>());
    const Ended ended = predict(write("job.json", support::mutated(mutant, base)));
    const bool wrote = std::filesystem::remove(path("out.json"));
    const bool answered = mutant["expect"] == "ok" && ended.status < 2;
    EXPECT_EQ(wrote, answered);
    if (answered) return;
    EXPECT_TRUE(complains(ended, 2));
    if (mutant["expect"] == "ok")
      EXPECT_NE(ended.err.find("not supported yet"), std::string::npos) << ended.err;
    else
      EXPECT_TRUE(support::says_where(ended.err, mutant["names"])) << ended.err;
  }

  void expect_refusal(const std::string& job, const std::string& part) const {
    EXPECT_TRUE(complains(predict(job), 2, part));
    EXPECT_FALSE(std::filesystem::exists(path("out.json")));
  }
};

TEST_F(BadJobs, AllMutantsAreRefusedByNameOrAnswered) {
  const support::Json file = support::read_mutants();
  ASSERT_EQ(file["mutants"].size(), 300U);
  support::Sample sample;
  for (const support::Json& mutant : file["mutants"])
    if (sample.takes()) expect_answer(mutant, file["bases"][mutant["base"].get<std::string>()]);
  EXPECT_EQ(entries(), (Words{"cache", "job.json"}));  // no temporary files
}

TEST_F(BadJobs, MissingFile) { expect_refusal(path("none.json"), "none.json: cannot be opened"); }

TEST_F(BadJobs, MissingFolder) { expect_refusal(path("none/job.json"), "job.json: cannot be opened"); }

TEST_F(BadJobs, Directory) { expect_refusal(path("cache"), "cache: is a directory"); }

TEST_F(BadJobs, FifoThatNobodyWrites) {
  ASSERT_EQ(::mkfifo(path("fifo").c_str(), 0600), 0);
  expect_refusal(path("fifo"), "fifo: is not a regular file");
}

TEST_F(BadJobs, EndlessDevice) { expect_refusal("/dev/zero", "/dev/zero: is not a regular file"); }

TEST_F(BadJobs, DanglingLink) {
  std::filesystem::create_symlink("nowhere", path("link"));
  expect_refusal(path("link"), "link: cannot be opened");
}

TEST_F(BadJobs, FileOfAGibibyteIsNotEvenRead) {
  std::filesystem::resize_file(write("huge.json", ""), 1ULL << 30U);  // sparse
  expect_refusal(path("huge.json"), "huge.json: has 1073741824 bytes");
}

TEST_F(BadJobs, EmptyFile) { expect_refusal(write("empty.json", ""), "line 1"); }

/// RFC 8259, section 8.1: a reader may pass over a byte order mark.
TEST_F(BadJobs, AByteOrderMarkIsPassedOver) {
  expect_refusal(write("bom.json", "\xEF\xBB\xBF{}"), "model: is missing");
}

TEST_F(BadJobs, TextCutAnywhere) {
  const std::string whole =
      R"({"model":"gpt-3m","cluster":{"node":"localhost","nodes":1},"train":{"sequence_length":8,"global_batch":1}})";
  for (std::size_t bytes = 0; bytes < whole.size(); bytes += 7)
    expect_refusal(write("cut.json", whole.substr(0, bytes)), "line 1");
}

TEST_F(BadJobs, NestedDeeperThanAnyStack) {
  const std::string lists(100'000, '[');
  expect_refusal(write("deep.json", lists), "deep.json: line 1");
  std::string objects = "{\"model\":";
  for (int i = 0; i < 100'000; ++i) objects += "{\"a\":";
  expect_refusal(write("deep.json", objects), "deep.json: line 1");
  expect_refusal(write("deep.json", "{\"model\":" + lists + std::string(100'000, ']') + "}"),
                 "deep.json: line 1");
}

TEST_F(BadJobs, NamesWithLineBreaksAndEscapesStayOnOneLine) {
  expect_refusal(path("a\nb\x1b[31mc.json"), "cannot be opened");
  expect_refusal(write("key.json", R"({"mo\ndel\u001b[31m": 1})"), "unknown key");
}

TEST_F(BadJobs, LargestNumbersAreAnsweredSoon) {
  const std::string base =
      R"({"model":"gpt-3m","cluster":{"node":"localhost","nodes":1},"train":{"sequence_length":128,"global_batch":8}})";
  const std::string job = write("job.json", base);
  for (const char* set :
       {R"(model={"family":"gpt","layers":1e18,"hidden":64,"heads":4,"ffn_hidden":64,"vocab":256})",
        R"(model={"family":"gpt","layers":16384,"hidden":64,"heads":4,"ffn_hidden":64,"vocab":256})",
        "train.global_batch=9223372036854775807", "train.global_batch=1e6", "train.sequence_length=1e9",
        "cluster.nodes=1e9", "plan.vpp=1e6", "train.tokens=1e300"}) {
    SCOPED_TRACE(set);
    const Ended ended = sim({"run", job, "-q", "--set", set}, {.time_limit_s = 20});
    EXPECT_FALSE(ended.timed_out);
    EXPECT_TRUE(ended.status <= 1 || complains(ended, 2)) << ended.status << ended.err;
    if (!sanitized()) {
      EXPECT_LT(ended.wall_s, kTimeLimit);
      EXPECT_LT(ended.resident_bytes, kMemoryLimit);
    }
  }
}

}  // namespace
}  // namespace ds::e2e
