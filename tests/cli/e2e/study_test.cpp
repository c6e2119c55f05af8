// `ds-tune search --study`: killed at any moment, a search goes on, and ends as one that nobody disturbed.
#include <filesystem>
#include <nlohmann/json.hpp>
#include <sstream>

#include "simulator/base/random.h"
#include "tests/cli/e2e/world.h"
#include "tests/support/sanitizer.h"

namespace ds::e2e {
namespace {

using Json = nlohmann::json;

class Study : public World {
 protected:
  Study()
      : job(std::string(DS_SOURCE_DIR) + "/bench/jobs/llama3-8b-64-h100.json"), study(path("study.jsonl")) {}

  Ended search(Words arguments, const Conditions& conditions = {}) const {
    arguments.insert(arguments.begin(), {"search", job, "--progress", "never"});
    return tune(arguments, conditions);
  }
  /// But for seconds, and who asked.
  static Json what_was_found(const Ended& ended) {
    EXPECT_EQ(ended.status, 0) << ended.err;
    EXPECT_EQ(ended.err, "");
    Json report = Json::parse(ended.out);
    report.erase("provenance");
    for (Json& one : report["history"]) one.erase("seconds");
    return report;
  }
  Json found(Words arguments) const {
    arguments.insert(arguments.end(), {"--report", "-"});
    return what_was_found(search(arguments));
  }

  std::string job, study;
};

TEST_F(Study, KilledAtAnyMomentItGoesOnAndEndsAsIfNothingHadHappened) {
  const RandomStream draw(1, 2);
  std::uint64_t drawn = 0;
  constexpr int kKills = support::sanitized() ? 2 : 6;  // a start takes a second with sanitizers
  for (const Words& words :
       {Words{}, Words{"--method", "random", "--seed", "3", "--pin", "plan.recompute=none"},
        Words{"--evals", "60", "--seed", "5"}}) {
    if (support::sanitized() && words.empty()) continue;  // the longest of them
    const Ended undisturbed = search([&] {
      Words all = words;
      all.insert(all.end(), {"--report", "-"});
      return all;
    }());
    const Json whole = what_was_found(undisturbed);
    std::filesystem::remove(study);
    Words all = words;
    all.insert(all.end(), {"--study", study});
    // A search that came to its end before it was killed begins anew, with less time: what else this machine does changes.
    double most_s = undisturbed.wall_s;
    int kills = 0;
    for (int tries = 0; kills < kKills && tries < 40; ++tries) {
      const double share = static_cast<double>(draw.below(1000, drawn++)) / 1000;
      Words by_some_threads = all;
      by_some_threads.insert(by_some_threads.end(), {"--jobs", tries % 2 == 0 ? "1" : "2"});
      const Ended ended = search(by_some_threads, {.time_limit_s = 0.01 + (share * most_s)});
      if (ended.timed_out) {
        ++kills;
      } else {
        std::filesystem::remove(study);
        most_s = std::min(most_s, ended.wall_s);
      }
    }
    EXPECT_EQ(kills, kKills);
    EXPECT_EQ(found(all), whole);
    EXPECT_EQ(found(all), whole);  // it had ended
    std::istringstream lines(read(study));
    for (std::string line; std::getline(lines, line);)
      EXPECT_EQ(schema_faults("study", line), "") << line.substr(0, 200);
  }
}

TEST_F(Study, AnyNumberOfThreadsGivesOneReport) {
  for (const Words& words : {Words{}, Words{"--evals", "50"}}) {
    const auto by = [&](const char* threads) {
      Words all = words;
      all.insert(all.end(), {"--jobs", threads});
      return found(all);
    };
    const Json by_one = by("1");
    EXPECT_EQ(by("2"), by_one);
    EXPECT_EQ(by("4"), by_one);
  }
}

/// A study that was begun with a limit of time is ended without one.
TEST_F(Study, ATimeLimitIsThatOfARun) {
  const Words limited{"--study", study, "--time-limit", "0.05"};
  const Ended first = search(limited);
  EXPECT_LE(first.status, 1) << first.err;  // 1: nothing was found by then
  EXPECT_EQ(search(limited).err, "");
  const Json whole = found({"--study", study});
  EXPECT_EQ(whole["method"], "best-first");
  EXPECT_EQ(whole["end"], "seen_whole");
  EXPECT_EQ(whole["best"]["plan"], found({})["best"]["plan"]);
}

TEST_F(Study, OfAnotherSearchIsRefused) {
  const Words kept{"--study", study, "--evals", "5"};
  EXPECT_EQ(found(kept)["evaluations"], 5);
  const std::string before = read(study);
  for (const auto& [words, part] :
       {std::pair{Words{"--evals", "6"}, R"(evals is "5" there and "6" here)"},
        std::pair{Words{"--evals", "5", "--seed", "1"}, "seed is"},
        std::pair{Words{"--evals", "5", "--top", "4"}, "top is"},
        std::pair{Words{"--evals", "5", "--method", "exhaustive"}, "method is"},
        std::pair{Words{"--evals", "5", "--pin", "plan.tp=8"}, "space is"},
        std::pair{Words{"--evals", "5", "--memory-margin", "0.1"}, "memory margin is"},
        std::pair{Words{"--evals", "5", "--set", "train.global_batch=64"}, "job is"}}) {
    Words all{"--study", study};
    all.insert(all.end(), words.begin(), words.end());
    EXPECT_TRUE(complains(search(all), 2, part)) << part;
  }
  EXPECT_EQ(read(study), before);
}

TEST_F(Study, WhatIsNoFileForOneIsRefused) {
  EXPECT_TRUE(complains(search({"--study", "-"}), 2, "--study: is standard output"));
  EXPECT_TRUE(complains(search({"--study", path("none/study.jsonl")}), 2, "is not a folder"));
  EXPECT_TRUE(complains(search({"--study", path("")}), 2, "is a directory"));
  EXPECT_TRUE(complains(search({"--study", job}), 2, "is the job, which is read"));
  EXPECT_TRUE(complains(search({"--study", path("a"), "--report", path("a")}), 2, "too"));
  const std::string notes = write("notes", "mine");
  EXPECT_TRUE(complains(search({"--study", notes}), 2, "is no study"));
  EXPECT_EQ(read(notes), "mine");
}

/// The answer is there all the same.
TEST_F(Study, AFullDiskIsSaidAtTheEnd) {
  const Ended ended = search({"--study", study}, {.file_bytes = 1500});
  EXPECT_EQ(ended.status, 3);
  EXPECT_NE(ended.out.find("Best plan for"), std::string::npos);
  EXPECT_NE(ended.err.find("study.jsonl: cannot write: File too large"), std::string::npos) << ended.err;
  EXPECT_EQ(found({"--study", study}), found({}));
}

}  // namespace
}  // namespace ds::e2e
