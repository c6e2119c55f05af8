// The schema and the reader must know the same keys.

#include <gtest/gtest.h>

#include "tests/simulator/workload/jobs.h"

namespace ds::workload {
namespace {

/// Every property below `at`, as job paths; alternatives (anyOf) are followed to the objects inside.
void collect(const Cursor& at, std::string path, std::vector<std::string>& paths) {
  if (const auto properties = at.find("properties"))
    for (const auto& [key, value] : properties->members()) {
      paths.push_back(path.empty() ? key : path + "." + key);
      collect(value, paths.back(), paths);
    }
  if (const auto alternatives = at.find("anyOf"))
    for (const Cursor& alternative : alternatives->list()) collect(alternative, path, paths);
}

TEST(JobSchema, EachOfItsKeysIsKnownToTheReader) {
  const Document schema = parse_document(job_schema(), "schema");
  std::vector<std::string> paths;
  collect(schema.root(), "", paths);
  EXPECT_GT(paths.size(), 100U);
  for (const std::string& path : paths) {
    const std::string assignment = path + "=true";
    // A node's own keys are met in an object: cluster.node is text in the small job.
    std::vector<std::string_view> overrides;
    if (path.starts_with("cluster.node.")) overrides.push_back("cluster.node={}");
    if (path.starts_with("cluster.node.gpu.")) overrides.push_back("cluster.node.gpu={}");
    if (path.starts_with("cluster.fabric.")) overrides.push_back("cluster.fabric={}");
    overrides.push_back(assignment);
    EXPECT_EQ(refusal(overrides).find("unknown key"), std::string::npos) << path;
  }
}

TEST(JobSchema, RefusesOtherKeysInEveryObject) {
  const Document schema = parse_document(job_schema(), "schema");
  for (const auto& [key, value] : schema.root().member("properties").members())
    if (value.find("properties")) {
      EXPECT_FALSE(value.member("additionalProperties").boolean()) << key;
    }
}

TEST(JobSchema, KnowsEveryKeyOfTheReader) {
  const Document schema = parse_document(job_schema(), "schema");
  for (const char* path : {"", "plan", "train", "simulate", "simulate.failures", "prices", "execute", "tune",
                           "plan.overlap", "plan.offload", "plan.collectives", "cluster"}) {
    const std::string prefix = *path == '\0' ? "" : std::string(path) + ".";
    const std::string said = refusal({prefix + "zzzzzzzzzzzzzzzz=1"});
    const std::size_t start = said.find("known are ");
    ASSERT_NE(start, std::string::npos) << said;
    Cursor at = schema.root();
    for (std::size_t from = 0; from < prefix.size();) {
      const std::size_t dot = prefix.find('.', from);
      at = at.member("properties").member(prefix.substr(from, dot - from));
      from = dot + 1;
    }
    // "known are a, b and c"
    std::string words = said.substr(start + 10);
    for (std::size_t i = 0; (i = words.find(" and ", i)) != std::string::npos;) words.replace(i, 5, ", ");
    for (std::size_t from = 0; from < words.size();) {
      const std::size_t comma = std::min(words.find(", ", from), words.size());
      EXPECT_TRUE(at.member("properties").find(words.substr(from, comma - from)))
          << prefix << words.substr(from, comma - from);
      from = comma + 2;
    }
  }
}

}  // namespace
}  // namespace ds::workload
