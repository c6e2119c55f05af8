// What the programs show in windows of 60 and 80 columns: no line is wider. A file gets everything.
#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>
#include <vector>

#include "cli/terminal/terminal.h"
#include "tests/cli/e2e/world.h"

namespace ds::e2e {
namespace {

using Json = nlohmann::json;

/// Two stages, four chunks: a plan that takes some words.
constexpr const char* kJob = R"({
  "model": "llama3-8b", "cluster": {"node": "dgx-h100", "nodes": 2}, "software": "megatron-te",
  "train": {"sequence_length": 8192, "global_batch": 64, "tokens": 1e12}, "prices": {"gpu_hour_usd": 2},
  "plan": {"tp": 2, "pp": 2, "dp": 4, "vpp": 4, "schedule": "interleaved", "micro_batch": 1}})";
constexpr const char* kOther = R"({
  "model": "gpt3-175b", "cluster": {"node": "a100-80g-8x-vtrain", "nodes": 16},
  "software": "megatron-deepspeed", "train": {"sequence_length": 2048, "global_batch": 1536},
  "plan": {"tp": 8, "pp": 8, "dp": 2, "micro_batch": 2}})";
const std::string kLongId =
    "mcore-te-tp1-pp4-vp1-dist-optimizer-overlap-grad-reduce-param-gather-1node-gb200";

class Narrow : public World {
 protected:
  Narrow() {
    Json beyond = Json::parse(kJob);
    beyond["plan"]["sparsity"] = "2:4";
    const auto measured = [](const std::string& id, const Json& job) {
      return Json{{"id", id},      {"set", "mcore-large"}, {"trust", "A"},
                  {"source", "x"}, {"job", job},           {"measured", {{"tokens_per_s_per_gpu", 9000}}}};
    };
    write("llama3-8b-of-one-team-16-h100.json", kJob);
    write("gpt3-175b-of-another-128-a100.json", kOther);
    write("tiny.json", kTinyJob);
    write("text", some_text(4000));
    write("cases.json",
          Json{measured(kLongId, Json::parse(kJob)), measured("beyond-what-is-supported", beyond)}.dump());
  }

  /// In the folder of the files, so that no path is wider than a window.
  Conditions conditions(int columns) const {
    return {.environment = {"TERM=xterm"}, .folder = path(""), .window_columns = columns};
  }

  /// The first word names the program.
  Ended start(const Words& words, const Conditions& how) const {
    const Words arguments(words.begin() + 1, words.end());
    if (words[0] == "sim") return sim(arguments, how);
    return words[0] == "tune" ? tune(arguments, how) : exec(arguments, how);
  }

  static std::vector<std::string> too_wide(const std::string& shown, int columns) {
    std::vector<std::string> found;
    for (std::string line : lines(shown)) {
      while (line.ends_with('\r')) line.pop_back();
      line.erase(0, line.rfind('\r') + 1);  // nothing where there is none: what was drawn over by progress
      if (terminal::columns_of(line) > columns) found.push_back(line);
    }
    return found;
  }
};

TEST_F(Narrow, NoLineIsWiderThanTheWindow) {
  if (!has_terminals()) GTEST_SKIP() << "no pseudo-terminals here";
  const std::string one = "llama3-8b-of-one-team-16-h100.json", other = "gpt3-175b-of-another-128-a100.json";
  const std::vector<std::pair<Words, int>> commands = {
      {{"sim", "run", one}, 0},
      {{"sim", "run", one, "--explain"}, 0},
      {{"sim", "run", "tiny.json", "--explain"}, 0},
      {{"sim", "compare", one, other, "tiny.json"}, 0},
      {{"sim", "diff", one, other}, 0},
      {{"sim", "sweep", one, "--over", "plan.micro_batch=1,2,3", "--over",
        "plan.overlap.param_gather=true,false"},
       0},
      {{"sim", "validate", "cases.json"}, 1},
      {{"sim", "presets"}, 0},
      {{"sim", "limits"}, 0},
      {{"sim", "run", "--help"}, 0},
      {{"sim", "run", one, "--set", "plan.tp=3"}, 2},
      {{"tune", "search", one, "--evals", "50", "--seed", "1"}, 0},
      {{"tune", "search", "--help"}, 0},
      {{"exec", "run", "tiny.json", "--data", "text", "--steps", "4"}, 0},
      {{"exec", "run", "--help"}, 0}};
  for (const int columns : {60, 80})
    for (const auto& [words, status] : commands) {
      SCOPED_TRACE(words[0] + " " + words[1] + " in " + std::to_string(columns));
      const Ended ended = start(words, conditions(columns));
      EXPECT_EQ(ended.status, status) << ended.out << ended.err;
      EXPECT_FALSE(ended.out.empty());
      EXPECT_EQ(too_wide(ended.out, columns), std::vector<std::string>{});
    }
}

/// Once, since it probes the machine.
TEST_F(Narrow, NoLineOfAComparisonIsWiderThanTheWindow) {
  if (!has_terminals()) GTEST_SKIP() << "no pseudo-terminals here";
  const Ended ended = exec({"compare", "tiny.json", "--data", "text", "--steps", "8"}, conditions(60));
  EXPECT_EQ(ended.status, 0) << ended.out;
  EXPECT_EQ(too_wide(ended.out, 60), std::vector<std::string>{});
}

/// The same outside of a window, whatever COLUMNS says.
TEST_F(Narrow, AFileGetsNamesAndSentencesWhole) {
  const Conditions piped{.environment = {"COLUMNS=60"}, .folder = path("")};
  const Ended validated = sim({"validate", "cases.json"}, piped);
  EXPECT_EQ(validated.status, 1) << validated.err;
  EXPECT_NE(validated.out.find("\n" + kLongId + "  "), std::string::npos) << validated.out;
  EXPECT_NE(validated.out.find("failed: "), std::string::npos);
  EXPECT_EQ(validated.out.find("…"), std::string::npos);
  const Ended run = sim({"run", "llama3-8b-of-one-team-16-h100.json"}, piped);
  EXPECT_NE(
      run.out.find("\ndurations follow from datasheets, and from the shares of them that such GPUs have "
                   "reached in published measurements\n"),
      std::string::npos)
      << run.out;
}

/// A window shows why a case failed, too, and both ends of an id.
TEST_F(Narrow, ReasonsStandBelowTheTable) {
  if (!has_terminals()) GTEST_SKIP() << "no pseudo-terminals here";
  const Ended ended = sim({"validate", "cases.json"}, conditions(80));
  EXPECT_NE(ended.out.find("mcore-te-"), std::string::npos) << ended.out;
  EXPECT_NE(ended.out.find("-gb200  "), std::string::npos) << ended.out;
  EXPECT_NE(ended.out.find("plan.sparsity"), std::string::npos) << ended.out;
}

}  // namespace
}  // namespace ds::e2e
