// Studies: what is taken up from any part of one ends as if nothing had happened, and what is none is refused.
#include "tuner/search/study.h"

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>

#include "simulator/base/error.h"
#include "simulator/base/file.h"
#include "simulator/base/random.h"
#include "tests/tuner/worlds.h"
#include "tuner/search/search.h"
#include "tuner/space/evaluator.h"

namespace ds::tuner {
namespace {

namespace fs = std::filesystem;

const cost::Profile& profile() {
  static const cost::Profile rough = cost::rough_profile();
  return rough;
}

/// All that was found, but for seconds.
std::string text_of(const Found& found) {
  Checkpoint whole{.found = found, .batches = 0, .ended = true};
  for (Improvement& one : whole.found.history) one.after = {};
  return checkpoint_line(whole, {});
}

class StudyFile : public testing::Test {
 protected:
  StudyFile() : folder_(fs::temp_directory_path() / fmt::format("ds-study-{}", ::getpid())) {
    fs::create_directories(folder_);
  }
  ~StudyFile() override { fs::remove_all(folder_); }

  std::string file() const { return (folder_ / "study.jsonl").string(); }
  void write(const std::string& content) const { std::ofstream(file(), std::ios::binary) << content; }
  std::string content() const {
    std::ostringstream all;
    all << std::ifstream(file(), std::ios::binary).rdbuf();
    return all.str();
  }

  struct Asked {
    const Space& space;
    const Method& method;
    std::int64_t evals{Options{}.evals};
    std::size_t threads{1};
  };
  static StudyHeader header_of(const Asked& asked) {
    return {.identity = {{"method", std::string(asked.method.name)}},
            .begins_small = asked.evals != Options{}.evals};
  }
  /// A run of it, to its end.
  std::string run(const Asked& asked, bool with_study, const StopToken* stop = nullptr) const {
    Evaluator evaluator(asked.space, profile(), asked.threads);
    const auto searcher = asked.method.make({asked.space, evaluator, 5, asked.evals});
    std::optional<Study> study;
    if (with_study) study.emplace(file(), header_of(asked), asked.space);
    return text_of(search(asked.space, evaluator, *searcher,
                          {.start = asked.space.candidate(asked.space.size() / 2),
                           .evals = asked.evals,
                           .top = 3,
                           .stop = stop,
                           .study = study ? &*study : nullptr}));
  }
  /// What is said about the file.
  std::string refusal(const Space& space, StudyHeader header = {}) const {
    try {
      const Study study(file(), std::move(header), space);
    } catch (const InputError& error) {
      return error.what();
    }
    return "";
  }

 private:
  fs::path folder_;
};

Space space_of(std::uint64_t number) { return read_space(parts_of(world(number)), {}); }

/// A search that is killed leaves some part of what it would have written: it is gone on with from parts of all lengths.
TEST_F(StudyFile, GoneOnWithFromAnyPartOfItEndsAsTheWhole) {
  constexpr std::uint64_t kParts = 8;
  const auto go_on_from_parts = [&](const Asked& asked, const RandomStream& draw) {
    fs::remove(file());
    const std::string undisturbed = run(asked, false);
    ASSERT_EQ(run(asked, true), undisturbed);
    const std::string whole = content();
    for (std::uint64_t i = 0; i < kParts; ++i) {
      write(whole.substr(0, draw.below(whole.size() + 1, i)));
      ASSERT_EQ(run(asked, true), undisturbed) << "from part " << i;
      ASSERT_TRUE(content().ends_with("\n"));
      ASSERT_EQ(run(asked, true), undisturbed) << "asked once more";
    }
  };
  for (std::uint64_t number = 0; number < kWorlds; number += 5)
    for (const Method& method : methods())
      for (const std::int64_t evals : {Options{}.evals, std::int64_t{7}}) {
        SCOPED_TRACE(fmt::format("world {}, {}, {} evaluations at most", number, method.name, evals));
        const Space space = space_of(number);
        go_on_from_parts({.space = space, .method = method, .evals = evals},
                         RandomStream(number, static_cast<std::uint64_t>(evals)));
      }
}

/// As Ctrl-C does.
TEST_F(StudyFile, GoneOnWithAfterStopsEndsAsTheWhole) {
  for (const Method& method : methods()) {
    const Space space = space_of(1);
    const Asked asked{.space = space, .method = method};
    fs::remove(file());
    const std::string undisturbed = run(asked, false);
    for (int after = 1; after < 12; ++after) {
      Evaluator evaluator(space, profile());
      const auto searcher = method.make({space, evaluator, 5});
      Study study(file(), header_of(asked), space);
      StopToken stop;
      int told = 0;
      Search one(space, evaluator, *searcher,
                 {.start = space.candidate(space.size() / 2),
                  .top = 3,
                  .stop = &stop,
                  .study = &study,
                  .progress = [&](double, std::string_view) { stop.signal = ++told >= after % 3 ? 2 : 0; }});
      one.run();
    }
    EXPECT_EQ(run(asked, true), undisturbed) << method.name;
  }
}

TEST_F(StudyFile, ThreadsChangeNothing) {
  for (std::uint64_t number = 0; number < kWorlds; number += 5)
    for (const Method& method : methods())
      for (const std::int64_t evals : {Options{}.evals, std::int64_t{9}}) {
        const Space space = space_of(number);
        const std::string by_one = run({space, method, evals, 1}, false);
        for (const std::size_t threads : {2U, 4U})
          EXPECT_EQ(run({space, method, evals, threads}, false), by_one)
              << number << method.name << " " << evals << " " << threads;
      }
}

/// For whoever follows it: nothing waits until there is more to write.
TEST_F(StudyFile, HoldsTheBestAtOnce) {
  const Space space = space_of(0);
  Index plan = 0;
  while (std::holds_alternative<Rejection>(space.decode(plan))) ++plan;
  Study study(file(), {}, space);
  study.add(plan, {Reason::evaluated, {3}, {7}}, {1});
  const std::string first = content();
  EXPECT_EQ(first, header_line({}));
  Scored best{.index = plan,
              .verdict = {.reason = Reason::evaluated, .path = {}, .step_time = {3}, .kind = {}}};
  study.add_best(best, 1, {1});
  EXPECT_EQ(content(), first + verdicts_line({{plan, {Reason::evaluated, {3}, {7}}, {1}}}, {1}) +
                           best_line(best, 1, {1}, space));
}

TEST_F(StudyFile, SaysWhichPlansWereTheBestInTurn) {
  const Space space = space_of(1);
  Evaluator evaluator(space, profile());
  const auto searcher = find_method("random")->make({space, evaluator, 5});
  Found found;
  {
    Study study(file(), {}, space);
    found = search(space, evaluator, *searcher, {.evals = 30, .study = &study});
  }
  std::size_t at = 0;
  const std::string text = content();
  for (const Improvement& one : found.history) {
    at = text.find(fmt::format("\"step_time_s\":{},", one.step_time.value), at + 1);
    EXPECT_NE(at, std::string::npos);
  }
  EXPECT_GT(found.history.size(), 1U);
}

TEST_F(StudyFile, SecondsAddUp) {
  const Space space = space_of(1);
  const Asked asked{.space = space, .method = *find_method("random"), .evals = 7};
  write(header_line(header_of(asked)) + verdicts_line({}, {1000}));
  run(asked, true);
  const Study study(file(), header_of(asked), space);
  EXPECT_GT(study.seconds(), Seconds{1000});
  const Checkpoint end = study.checkpoint().value_or(Checkpoint{});
  EXPECT_TRUE(end.ended);
  for (const Improvement& one : end.found.history) EXPECT_GT(one.after, Seconds{1000});
}

TEST_F(StudyFile, OfAnotherSearchSaysOfWhich) {
  const Space space = space_of(0);
  write(header_line({.identity = {{"method", "random"}, {"seed", "1"}, {"top", "5"}}}));
  EXPECT_EQ(
      refusal(space, {.identity = {{"method", "random"}, {"seed", "2"}, {"jobs", "1"}, {"top", "5"}}}),
      fmt::format(
          "{}: is the study of another search: jobs is \"not said\" there and \"1\" here; seed is \"1\" "
          "there and \"2\" here; ask as before, or give the name of a new file",
          file()));
  EXPECT_EQ(said_by_study(file(), "method"), "random");
  EXPECT_EQ(said_by_study(file(), "colour"), std::nullopt);
}

TEST_F(StudyFile, IsForOneSearchAtATime) {
  const Space space = space_of(0);
  const Study study(file(), {}, space);
  EXPECT_NE(refusal(space).find("is in use by another search"), std::string::npos);
}

/// What people may have given by mistake stays as it is.
TEST_F(StudyFile, WhatIsNoStudyIsLeftAlone) {
  const Space space = space_of(0);
  for (const std::string& other :
       {std::string("{\"model\": 3}"), std::string("{\"model\": 3}\n"), std::string("\n"),
        std::string("text"), std::string("{\"schema\":\"ds-tune-report-1\"}\n"), std::string("[]\n"),
        std::string("{\"schema\":1}\n"), std::string("\0\0", 2)}) {
    write(other);
    EXPECT_NE(refusal(space), "") << other;
    EXPECT_EQ(content(), other);
    EXPECT_EQ(said_by_study(file(), "method"), std::nullopt);
  }
  fs::remove(file());
  fs::create_directory(file());
  EXPECT_NE(refusal(space), "");
  EXPECT_EQ(said_by_study((fs::path(file()) / "none").string(), "method"), std::nullopt);
}

TEST_F(StudyFile, ADamagedLineIsAnErrorWithItsNumber) {
  const Space space = space_of(1);
  const Index size = space.size();
  const std::string first = header_line({});
  const std::string counts = R"("batches":1,"evaluations":0,"memory":0,"bound":0)";
  for (
      const std::string& line :
      {std::string("{\"verdicts\""),
       std::string("{}"),
       std::string("null"),
       std::string(""),
       std::string("{\"seconds\":1}"),
       std::string(R"({"verdicts":{},"seconds":-1})"),
       std::string(R"({"verdicts":{},"seconds":1e400})"),
       std::string(R"({"verdicts":{"lucky":[]},"seconds":1})"),
       std::string(R"({"verdicts":[],"seconds":1})"),
       std::string(R"({"verdicts":{"bound":[[0,1]]},"seconds":1})"),
       std::string(R"({"verdicts":{"bound":[[-1,1,1]]},"seconds":1})"),
       fmt::format(R"({{"verdicts":{{"bound":[[{},1,1]]}},"seconds":1}})", size),
       std::string(R"({"verdicts":{"bound":[[0.5,1,1]]},"seconds":1})"),
       std::string(R"({"verdicts":{"bound":[[0,-1,1]]},"seconds":1})"),
       std::string(R"({"verdicts":{"evaluated":[[0,0,1]]},"seconds":1})"),
       std::string(R"({"verdicts":{"evaluated":[[0,1,1e30]]},"seconds":1})"),
       std::string(R"({"best":3,"seconds":1})"),
       std::string(R"({"events":[],"seconds":1})"),
       fmt::format(
           R"({{"found":{{{},"rule":1,"rejections":[],"top":[],"front":[],"history":[]}},"seconds":1}})",
           counts),
       fmt::format(
           R"({{"found":{{{},"rule":{},"rejections":[],"top":[],"front":[],"history":[]}},"seconds":1}})",
           counts, size + 1),
       fmt::format(
           R"({{"found":{{{},"rule":0,"rejections":[],"top":[[{},1,1,1]],"front":[],"history":[]}},"seconds":1}})",
           counts, size),
       fmt::format(
           R"({{"found":{{{},"rule":0,"rejections":[],"top":[],"front":[],"history":[[1,1,1]]}},"seconds":1}})",
           counts),
       fmt::format(
           R"({{"found":{{{},"rule":0,"rejections":[],"top":[],"front":[],"history":[]}},"end":"soon","seconds":1}})",
           counts),
       std::string(100, '[')}) {
    write(fmt::format("{}{}{}\n{}", first, verdicts_line({}, {1}), line, verdicts_line({}, {2})));
    const std::string before = content();
    EXPECT_TRUE(refusal(space).starts_with(file() + ", line 3: ")) << line << ": " << refusal(space);
    EXPECT_EQ(content(), before);
  }
}

TEST_F(StudyFile, AnUnfinishedLineIsLeftOut) {
  const Space space = space_of(1);
  const std::string whole = header_line({}) + verdicts_line({{3, {Reason::evaluated, {2}, {5}}, {}}}, {1});
  write(whole + R"({"verdicts":{"evaluated":[[4,1)");
  {
    const Study study(file(), {}, space);
    ASSERT_NE(study.known(3), nullptr);
    EXPECT_EQ(study.known(3)->verdict.step_time, Seconds{2});
    EXPECT_EQ(study.known(3)->verdict.peak, Bytes{5});
    EXPECT_EQ(study.known(4), nullptr);
    EXPECT_EQ(study.seconds(), Seconds{1});
  }
  EXPECT_EQ(content(), whole);
}

/// More verdicts than there are combinations, and more bytes than are read.
TEST_F(StudyFile, HasBounds) {
  const Space space = space_of(1);
  std::string line = R"({"verdicts":{"bound":[[0,1,1])";
  for (Index i = 0; i < space.size(); ++i) line += ",[0,1,1]";
  write(header_line({}) + line + "]},\"seconds\":1}\n");
  EXPECT_NE(refusal(space).find("is one more than there are combinations"), std::string::npos);
  write("");
  fs::resize_file(file(), static_cast<std::uintmax_t>(kMaxStudyBytes) + 1);
  EXPECT_NE(refusal(space).find("bytes"), std::string::npos);
  fs::resize_file(file(), static_cast<std::uintmax_t>(kMaxInputBytes) + (2 << 20));
  EXPECT_NE(refusal(space).find("line 1 has more than"), std::string::npos);
}

}  // namespace
}  // namespace ds::tuner
