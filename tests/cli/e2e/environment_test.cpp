// Variables of the environment that launchers, users and scripts get wrong: refused by their name, or without effect; never waited for.

#include "tests/cli/e2e/world.h"

namespace ds::e2e {
namespace {

constexpr double kSoon = 10;  // seconds; a rank that is not the first lets that one speak for five

class Environment : public World {
 protected:
  Environment() : job(write("job.json", kTinyJob)), text(write("text", some_text(20000))) {}
  Ended train(const Words& environment) const {
    return exec({"run", job, "--data", text, "--steps", "1", "-q"}, {.environment = environment});
  }
  void expect_refusal(const Words& environment, const std::string& part) const {
    for (const Ended& ended :
         {train(environment), exec({"calibrate", "--out", path("p.json")}, {.environment = environment})}) {
      EXPECT_TRUE(complains(ended, 2, part)) << testing::PrintToString(environment);
      EXPECT_LT(ended.wall_s, kSoon);
    }
    EXPECT_FALSE(std::filesystem::exists(path("p.json")));
  }
  std::string job, text;
};

TEST_F(Environment, ALauncherThatSaysWhatCannotBeIsRefusedByTheVariable) {
  expect_refusal({"OMPI_COMM_WORLD_RANK=-1"}, "OMPI_COMM_WORLD_RANK: is '-1', must be a whole number from 0");
  expect_refusal({"PMI_RANK=0", "PMI_SIZE=1e99"}, "PMI_SIZE: is '1e99', must be a whole number from 1");
  expect_refusal({"PMI_RANK=4", "PMI_SIZE=2"}, "PMI_RANK: is 4, must be below PMI_SIZE, which is 2");
  expect_refusal({"SLURM_STEP_NUM_TASKS=2"}, "SLURM_STEP_NUM_TASKS: is 2, and SLURM_PROCID is missing");
  expect_refusal({"PMIX_RANK=99999999999999999999"}, "PMIX_RANK: is '9");
}

/// As where srun starts the program without the MPI that it was built with.
TEST_F(Environment, RanksThatMpiDoesNotKnowOfDoNotEachTrainAlone) {
  const Ended ended = train({"OMPI_COMM_WORLD_RANK=0", "OMPI_COMM_WORLD_SIZE=2", "OMPI_ALLOW_RUN_AS_ROOT=1",
                             "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1", "LSAN_OPTIONS=detect_leaks=0"});
  EXPECT_EQ(ended.status, 2);
  EXPECT_NE(ended.err.find("mpirun"), std::string::npos)
      << ended.err;  // says it otherwise than MPI, or there is none
}

TEST_F(Environment, OnlyDsExecItselfMakesARank) {
  expect_refusal({"DS_RANK=0"},
                 "DS_POOL_FD: is missing; only ds-exec itself sets DS_RANK and DS_POOL_FD; unset both");
  expect_refusal({"DS_POOL_FD=3"}, "DS_RANK: is missing");
  expect_refusal({"DS_RANK=-1", "DS_POOL_FD=0"}, "DS_RANK: is '-1', which is no number");
  expect_refusal({"DS_RANK=0", "DS_POOL_FD=0"}, "descriptor 0 is no pool of shared memory");
  expect_refusal({"DS_RANK=0", "DS_POOL_FD=1000"}, "descriptor 1000 is no pool of shared memory");
}

TEST_F(Environment, EmptyVariablesAndThoseOfABatchScriptHaveNoEffect) {
  for (const Words& harmless : std::vector<Words>{{"OMPI_COMM_WORLD_RANK=", "PMI_RANK=", "SLURM_PROCID="},
                                                  {"SLURM_PROCID=0", "SLURM_NTASKS=8"},
                                                  {"OMP_NUM_THREADS=-5", "OPENBLAS_NUM_THREADS=99999"},
                                                  {"COLUMNS=-5", "TERM=", "LC_ALL=xx"}})
    EXPECT_EQ(train(harmless).status, 0) << harmless[0];
}

TEST_F(Environment, AFolderWithoutPresetsIsToldForEveryProgram) {
  const Conditions without{.environment = {"DS_PROFILES=" + path("cache")}};
  for (const Ended& ended : {sim({"run", job}, without), tune({"search", job}, without),
                             exec({"run", job, "--data", text, "--steps", "1"}, without)})
    EXPECT_TRUE(complains(ended, 2, "DS_PROFILES: " + path("cache") + " has no folder models"));
}

}  // namespace
}  // namespace ds::e2e
