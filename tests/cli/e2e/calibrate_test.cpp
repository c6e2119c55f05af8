// Calibration by the real program, start to prediction. Profiles that cannot be used: profile_test.cpp.
#include <gtest/gtest.h>

#include "tests/cli/e2e/world.h"

namespace ds::e2e {
namespace {

class Calibrate : public World {
 protected:
  Calibrate()
      : job(write("job.json", R"({"model": "gpt-3m", "cluster": {"node": "localhost", "nodes": 1},
                                   "train": {"sequence_length": 32, "global_batch": 2}, "plan": {"micro_batch": 1}})")) {
  }
  std::string job;
};

TEST_F(Calibrate, GivesAProfileByWhichEverythingIsMeasured) {
  const Ended ended =
      exec({"calibrate", "--rounds", "3", "--out", path("profile.json"), "--progress", "never"},
           {.time_limit_s = 500});
  ASSERT_EQ(ended.status, 0) << ended.err;
  EXPECT_EQ(schema_faults("profile", read(path("profile.json"))), "");
  for (const char* set :
       {"model=gpt-3m", "model=llama-3m", "plan.attention=unfused", "plan.recompute=full"}) {
    const Ended run = sim({"run", job, "--set", "cluster.node=" + path("profile.json"), "--set", set});
    ASSERT_EQ(run.status, 0) << run.err;
    EXPECT_NE(run.out.find("measured on this machine"), std::string::npos) << set << run.out;
  }
  const Ended two = sim({"run", job, "--set", "cluster.node=" + path("profile.json"), "--set", "plan.tp=2"});
  ASSERT_EQ(two.status, 0) << two.err;
  EXPECT_EQ(two.out.find("measured on one rank"), std::string::npos) << two.out;
}

}  // namespace
}  // namespace ds::e2e
