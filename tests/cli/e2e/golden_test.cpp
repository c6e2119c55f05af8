// tests/golden/<name>/{job.json,report.json}: predictions that may change on purpose only; with spec.json in the place of job.json,
// collectives over stated links. With DS_REWRITE_GOLDEN=1 the
// reports are written anew instead, for the diff to be looked at; `make golden` does that.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <nlohmann/json.hpp>

#include "tests/cli/e2e/world.h"

namespace ds::e2e {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

std::vector<fs::path> golden_folders() {
  std::vector<fs::path> folders;
  for (const auto& entry : fs::directory_iterator(std::string(DS_SOURCE_DIR) + "/tests/golden"))
    if (fs::exists(entry.path() / "job.json") || fs::exists(entry.path() / "spec.json"))
      folders.push_back(entry.path());
  std::ranges::sort(folders);
  return folders;
}

/// The report without what says who made it where. Numbers are written as they were: 17 digits or fewer, read back and
/// written again, are the same.
std::string without_origin(const std::string& report) {
  Json json = Json::parse(report);
  for (const char* key : {"version", "commit", "command"}) json["provenance"].erase(key);
  return json.dump(1) + "\n";
}

class Golden : public World, public testing::WithParamInterface<fs::path> {};

TEST_P(Golden, ReportIsTheSameToTheByte) {
  const fs::path folder = GetParam();
  const bool collective = fs::exists(folder / "spec.json");
  const Ended ended = sim({collective ? "collective" : "run", collective ? "spec.json" : "job.json",
                           "--report", path("report.json"), "-q"},
                          {.folder = folder.string()});
  ASSERT_TRUE(ended.status == 0 || ended.status == 1) << ended.err;
  const std::string report = read(path("report.json"));
  EXPECT_EQ(schema_faults(collective ? "collective" : "report", report), "");
  const std::string now = without_origin(report);
  if (std::getenv("DS_REWRITE_GOLDEN") != nullptr)
    std::ofstream(folder / "report.json", std::ios::binary) << now;
  EXPECT_EQ(now, read((folder / "report.json").string()))
      << "if it was meant: make golden, and look at the diff";
}

INSTANTIATE_TEST_SUITE_P(Folders, Golden, testing::ValuesIn(golden_folders()), [](const auto& folder) {
  std::string name = folder.param.filename().string();
  std::ranges::replace(name, '-', '_');
  return name;
});

}  // namespace
}  // namespace ds::e2e
