// A calibrated profile as cluster.node: what is good is used, what is damaged is refused by the place of the damage.
#include <gtest/gtest.h>

#include <functional>
#include <nlohmann/json.hpp>

#include "tests/cli/e2e/world.h"

namespace ds::e2e {
namespace {

using Json = nlohmann::json;

class Profiles : public World {
 protected:
  Profiles()
      : good(Json::parse(read(std::string(DS_SOURCE_DIR) + "/tests/golden/profile.json"))),
        job(write("job.json",
                  R"({"model": "gpt-3m", "cluster": {"node": "./profile.json", "nodes": 1},
                       "train": {"sequence_length": 32, "global_batch": 2}})")) {}

  /// Neither program takes it, and both say where in which file.
  void expect_refusal(const std::string& profile, const std::string& part) const {
    write("profile.json", profile);
    const Ended predicted = sim({"run", job, "--report", path("r.json")});
    EXPECT_TRUE(complains(predicted, 2, part));
    EXPECT_NE(predicted.err.find("profile.json"), std::string::npos) << predicted.err;
    const Ended run = exec(
        {"run", job, "--data", write("text", some_text(2000)), "--steps", "1", "--report", path("r.json")});
    EXPECT_TRUE(complains(run, 2, part));
    EXPECT_EQ(entries(), (Words{"cache", "job.json", "profile.json", "text"}));
  }
  void expect_refusal(const std::function<void(Json&)>& damage, const std::string& part) const {
    SCOPED_TRACE(part);
    Json profile = good;
    damage(profile);
    EXPECT_NE(schema_faults("profile", profile.dump()), "");
    expect_refusal(profile.dump(), part);
  }

  Json good;
  std::string job;
};

TEST_F(Profiles, OfTheGoldenReportsKeepsTheSchemaAndIsUsed) {
  EXPECT_EQ(schema_faults("profile", good.dump()), "");
  write("profile.json", good.dump());
  const Ended ended = sim({"run", job});
  EXPECT_EQ(ended.status, 0) << ended.err;
  EXPECT_NE(ended.out.find("measured"), std::string::npos) << ended.out;
}

TEST_F(Profiles, TakesThePlaceOfLocalhostWhereCalibrationPutsIt) {
  write("cache/ds/localhost.json", good.dump());
  const Ended ended = sim({"run", job, "--set", "cluster.node=localhost", "--report", "-"});
  ASSERT_EQ(ended.status, 0) << ended.err;
  const Json report = Json::parse(ended.out);
  EXPECT_EQ(report["provenance"]["profile"], path("cache/ds/localhost.json"));
  EXPECT_EQ(report["provenance"]["profile_hash"].get<std::string>().size(), 16U);
}

/// Which keys a shape has depends on its operator, which the schema does not follow.
TEST_F(Profiles, WithASizeThatTheirOperatorDoesNotHaveAreRefused) {
  Json profile = good;
  Json& shape = profile["tables"][0]["points"][0]["shape"];
  shape["input"] = 8;
  expect_refusal(
      profile.dump(),
      "tables[0].points[0].shape.input: unknown key; did you mean tables[0].points[0].shape.inputs");
  shape.erase("input");
  shape["heads"] = 8;  // attention has these, a linear layer has not
  expect_refusal(profile.dump(), "tables[0].points[0].shape.heads: unknown key");
}

TEST_F(Profiles, ThatAreDamagedAreRefusedByPath) {
  expect_refusal([](Json& p) { p["schema"] = "ds-profile-0"; }, "schema: is \"ds-profile-0\"");
  expect_refusal([](Json& p) { p.erase("schema"); }, "schema");
  expect_refusal([](Json& p) { p.erase("machine"); }, "machine");
  expect_refusal([](Json& p) { p["machine"]["memory_bytes"] = -1; }, "machine.memory_bytes");
  expect_refusal([](Json& p) { p["machine"]["gemm_flops_per_s"] = 0; }, "machine.gemm_flops_per_s");
  expect_refusal([](Json& p) { p["machine"]["cores"] = 1.5; }, "machine.cores");
  expect_refusal([](Json& p) { p["tables"] = Json::object(); }, "tables");
  expect_refusal([](Json& p) { p["tables"][2]["points"] = Json::array(); }, "tables[2].points");
  expect_refusal([](Json& p) { p["tables"][0]["type"] = "fp17"; }, "tables[0].type");
  expect_refusal([](Json& p) { p["tables"][0]["points"][1]["seconds"] = -1e-6; },
                 "tables[0].points[1].seconds");
  expect_refusal([](Json& p) { p["tables"][0]["points"][0]["seconds"] = 0; }, "tables[0].points[0].seconds");
  expect_refusal([](Json& p) { p["tables"][0]["points"][0]["sigma"] = "small"; },
                 "tables[0].points[0].sigma");
  expect_refusal([](Json& p) { p["tables"][0]["points"][0]["shape"]["inputs"] = "8"; },
                 "tables[0].points[0].shape.inputs");
  expect_refusal([](Json& p) { p["tables"][0]["points"][0].erase("shape"); }, "tables[0].points[0].shape");
  expect_refusal([](Json& p) { p["table"] = p["tables"], p.erase("tables"); }, "table");
}

TEST_F(Profiles, ThatAreNoJsonAreRefusedByLine) {
  const std::string whole = good.dump(1);
  for (const std::size_t bytes : {std::size_t{0}, std::size_t{1}, whole.size() / 2, whole.size() - 2})
    expect_refusal(whole.substr(0, bytes), "line ");
  expect_refusal("[]", "");
  expect_refusal("{\"schema\": " + std::string(100'000, '[') + "}", "line 1");
}

TEST_F(Profiles, ThatAreMissingAreRefusedByTheJobsPath) {
  EXPECT_TRUE(complains(sim({"run", job}), 2, "cluster.node"));
  std::filesystem::create_directory(path("profile.json"));
  EXPECT_TRUE(complains(sim({"run", job}), 2, "is a directory"));
}

/// Nobody wrote that file by hand: what helps is to measure again. Damaged where it is opened, and where it is read whole.
TEST_F(Profiles, ADamagedCalibrationSaysHowToGetAnother) {
  const std::string here = write("here.json", kTinyJob);
  Json other = good;
  other["schema"] = "ds-profile-99";
  for (const std::string& damaged : {std::string("{"), std::string("[]"), other.dump()}) {
    write("cache/ds/localhost.json", damaged);
    EXPECT_TRUE(complains(sim({"run", here}), 2, "localhost.json: "));
    EXPECT_TRUE(complains(sim({"run", here}), 2, "`ds-exec calibrate` measures this machine anew"));
    EXPECT_TRUE(complains(tune({"search", here}), 2, "`ds-exec calibrate` measures this machine anew"));
  }
}

}  // namespace
}  // namespace ds::e2e
