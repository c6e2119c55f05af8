// 300 one-value changes of three good jobs: what is wrong is refused by name, what is only unusual is read; and some
// thousand random changes of the text, none of which may end otherwise.

#include "tests/support/mutants.h"

#include <gtest/gtest.h>

#include <optional>

#include "simulator/base/error.h"
#include "simulator/base/random.h"
#include "simulator/workload/workload.h"
#include "tests/support/sanitizer.h"

namespace ds::workload {
namespace {

using support::Json;

void expect_answer(const Json& mutant, const Json& base) {
  SCOPED_TRACE(mutant["id"].get<std::string>());
  const bool expect_error = mutant["expect"] == "error";
  try {
    const Job job = read_job_text(support::mutated(mutant, base), "job.json");
    EXPECT_FALSE(expect_error) << "was read";
    try {
      check_supported(job);
    } catch (const InputError& error) {
      EXPECT_NE(std::string(error.what()).find("not supported yet"), std::string::npos) << error.what();
    }
  } catch (const InputError& error) {
    const std::string said = error.what();
    EXPECT_TRUE(expect_error && support::says_where(said, mutant["names"])) << said;
    EXPECT_EQ(said.find("not supported yet"), std::string::npos);
  }
}

TEST(Mutants, AreRefusedByNameOrRead) {
  const Json file = support::read_mutants();
  ASSERT_EQ(file["mutants"].size(), 300U);
  for (const Json& mutant : file["mutants"])
    expect_answer(mutant, file["bases"][mutant["base"].get<std::string>()]);
}

/// Whether the text is a job; anything but a job or an InputError fails the test.
bool reads(const std::string& text) {
  std::optional<Job> job;
  try {
    job = read_job_text(text, "job.json");
    EXPECT_FALSE(first_violation(*job));
    check_supported(*job);
  } catch (const InputError& error) {
    EXPECT_NE(std::string(error.what()), "");
  }
  return job.has_value();
}

TEST(Mutants, RandomChangesOfTheTextGiveAnErrorOrAJob) {
  const Json file = support::read_mutants();
  std::vector<std::string> bases;
  for (const Json& base : file["bases"]) bases.push_back(base.dump());
  const std::string pieces[] = {
      "-1", "0", "1e999", "null", "true",     "\"\"",   "[]",   "{}", "9007199254740993", "\\u", "\xff",
      "}",  "]", ",",     ":",    "\"tp\":3", "[[[[[[", "1e18", "0.5"};
  const RandomStream random(42, 7);
  std::uint64_t draw = 0;
  const auto below = [&](std::size_t n) { return static_cast<std::size_t>(random.below(n, draw++)); };
  int read = 0;
  for (int i = 0; i < support::fewer(4000); ++i) {
    std::string text = bases[below(bases.size())];
    for (std::size_t changes = 1 + below(3); changes > 0; --changes) {
      const std::size_t at = below(text.size());
      switch (below(4)) {
        case 0: text[at] = static_cast<char>(below(256)); break;
        case 1: text.erase(at, 1 + below(6)); break;
        case 2: text.insert(at, pieces[below(std::size(pieces))]); break;
        default: {  // a digit, so that more of the jobs stay readable
          const std::size_t digit = text.find_first_of("0123456789", at);
          if (digit != std::string::npos) text[digit] = static_cast<char>('0' + below(10));
        }
      }
    }
    if (reads(text)) ++read;
  }
  EXPECT_GT(read, support::fewer(10));  // the changes are mild enough to reach the rules
}

}  // namespace
}  // namespace ds::workload
