// Calibration by the real program, and profiles that cannot be used.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "tests/cli/e2e/world.h"

namespace ds::e2e {
namespace {

using Json = nlohmann::json;

class Calibrate : public World {
 protected:
  Calibrate()
      : job_(write("job.json", R"({"model": "gpt-3m", "cluster": {"node": "localhost", "nodes": 1},
                                   "train": {"sequence_length": 32, "global_batch": 2}, "plan": {"micro_batch": 1}})")) {
  }
  std::string job_;
};

TEST_F(Calibrate, GivesAProfileByWhichEverythingIsMeasured) {
  const Ended ended =
      exec({"calibrate", "--rounds", "3", "--out", path("profile.json"), "--progress", "never"},
           {.time_limit_s = 500});
  ASSERT_EQ(ended.status, 0) << ended.err;
  EXPECT_EQ(schema_faults("profile", read(path("profile.json"))), "");
  for (const char* set :
       {"model=gpt-3m", "model=llama-3m", "plan.attention=unfused", "plan.recompute=full"}) {
    const Ended run = sim({"run", job_, "--set", "cluster.node=" + path("profile.json"), "--set", set});
    ASSERT_EQ(run.status, 0) << run.err;
    EXPECT_NE(run.out.find("measured on this machine"), std::string::npos) << set << run.out;
  }
  // A damaged one is refused by the place of the damage.
  Json good = Json::parse(read(path("profile.json")));
  const auto refused = [&](const Json& profile, const std::string& part) {
    write("broken.json", profile.dump());
    EXPECT_TRUE(complains(sim({"run", job_, "--set", "cluster.node=" + path("broken.json")}), 2, part));
  };
  Json bad = good;
  bad["schema"] = "other";
  refused(bad, "schema");
  bad = good;
  bad["tables"][0]["points"][0]["seconds"] = -1;
  refused(bad, "tables[0].points[0].seconds");
  bad = good;
  bad["tables"][0]["points"] = Json::array();
  refused(bad, "tables[0].points");
  bad = good;
  bad["tables"][0]["points"][0]["shape"].begin().value() = "8";
  refused(bad, "tables[0].points[0].shape");
  bad = good;
  bad["machine"].erase("memory_bytes");
  refused(bad, "machine");
  write("broken.json", read(path("profile.json")).substr(0, 2000));
  EXPECT_TRUE(complains(sim({"run", job_, "--set", "cluster.node=" + path("broken.json")}), 2, "line"));
}

}  // namespace
}  // namespace ds::e2e
