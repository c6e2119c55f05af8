#pragma once
// A folder of its own for a test, with the real programs to run in it. `localhost` there was never calibrated.

#include <gtest/gtest.h>

#include <filesystem>
#include <string>
#include <vector>

#include "tests/cli/e2e/program.h"

namespace ds::e2e {

using Words = std::vector<std::string>;

/// A job that trains in an instant.
inline constexpr const char* kTinyJob = R"({
  "model": {"family": "gpt", "layers": 1, "hidden": 16, "heads": 2, "ffn_hidden": 32, "vocab": 256},
  "cluster": {"node": "localhost", "nodes": 1},
  "train": {"sequence_length": 16, "global_batch": 4}, "plan": {"micro_batch": 2}})";

class World : public testing::Test {
 protected:
  World();
  ~World() override;

  std::string path(const std::string& name) const { return (folder_ / name).string(); }
  /// Writes a file into the folder; returns its path.
  std::string write(const std::string& name, const std::string& content) const;
  static std::string read(const std::string& file);
  /// Names of everything in the folder, sorted: what a program left behind.
  Words entries(const std::string& below = "") const;

  Ended sim(const Words& arguments, Conditions conditions = {}) const {
    return start("ds-sim", arguments, std::move(conditions));
  }
  Ended exec(const Words& arguments, Conditions conditions = {}) const {
    return start("ds-exec", arguments, std::move(conditions));
  }
  Ended tune(const Words& arguments, Conditions conditions = {}) const {
    return start("ds-tune", arguments, std::move(conditions));
  }

 private:
  Ended start(const std::string& program, const Words& arguments, Conditions conditions) const;
  std::filesystem::path folder_;
};

/// One line on standard error that starts with "ds: ", nothing on standard output, and that exit status.
testing::AssertionResult complains(const Ended& ended, int status);
/// The same, and the line holds `part`.
testing::AssertionResult complains(const Ended& ended, int status, const std::string& part);

/// English-like text of that many bytes, always the same.
std::string some_text(std::size_t bytes);

/// What is wrong with JSON `text` by the schema profiles/schemas/<schema>.json, or nothing.
std::string schema_faults(const std::string& schema, const std::string& text);

}  // namespace ds::e2e
