// ds-exec under mpirun: the ranks it starts train as those that ds-exec starts itself, bit for bit, and end together.
#include <algorithm>
#include <csignal>
#include <nlohmann/json.hpp>

#include "executor/mpi/world.h"
#include "tests/cli/e2e/ranks_world.h"

namespace ds::e2e {
namespace {

using Json = nlohmann::json;

class Mpirun : public RanksWorld {
 protected:
  void SetUp() override {
    if (!executor::World::built_in() || std::string(DS_MPIRUN).empty())
      GTEST_SKIP() << "no MPI here: install libopenmpi-dev and openmpi-bin";
  }

  /// As root and on fewer cores where it has to; what MPI itself leaks is not ours.
  Ended mpirun(int ranks, const Words& arguments, Conditions conditions = {}) const {
    Words all{DS_MPIRUN, "-n", std::to_string(ranks), std::string(DS_BINARY_DIR) + "/bin/ds-exec"};
    all.insert(all.end(), arguments.begin(), arguments.end());
    for (const char* variable : {"OMPI_ALLOW_RUN_AS_ROOT=1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1",
                                 "OMPI_MCA_rmaps_base_oversubscribe=1", "LSAN_OPTIONS=detect_leaks=0"})
      conditions.environment.emplace_back(variable);
    conditions.environment.push_back("XDG_CACHE_HOME=" + path("cache"));
    return run(all, conditions);
  }

  static Json parsed(const Ended& ended) {
    EXPECT_EQ(ended.status, 0) << ended.err;
    EXPECT_EQ(schema_faults("exec-report", ended.out), "");
    return ended.status == 0 ? Json::parse(ended.out) : Json();
  }

  void expect_as_over_the_pool(const Words& plan, int ranks) const {
    SCOPED_TRACE(testing::PrintToString(plan));
    const Words words = with("run", plan, {"--steps", "6", "--report", "-"});
    const Json pool = parsed(exec(words)), mpi = parsed(mpirun(ranks, words));
    ASSERT_EQ(mpi["steps"].size(), 6U);
    // Numbers are written with as many digits as tell them apart.
    for (std::size_t step = 0; step < 6; ++step)
      for (const char* what : {"loss", "grad_norm"})
        EXPECT_EQ(mpi["steps"][step][what], pool["steps"][step][what]) << what << " of step " << step;
    for (const char* what : {"held_back_loss", "peak_bytes_per_rank"})
      EXPECT_EQ(mpi["measured"][what], pool["measured"][what]);
    EXPECT_EQ(mpi["measured"]["peak_bytes_per_rank"].size(), static_cast<std::size_t>(ranks));
    EXPECT_GT(mpi["measured"]["step_time_s"], 0);
  }

  /// Lines of ours among what mpirun itself has to say.
  static Words our_lines(const Ended& ended) {
    Words ours = lines(ended.err);
    std::erase_if(ours, [](const std::string& line) { return !line.starts_with("ds: "); });
    return ours;
  }
};

TEST_F(Mpirun, TrainsBitForBitAsOverThePool) {
  const std::pair<Words, int> plans[] = {
      {{"tp=2"}, 2},
      {{"tp=2", "sequence_parallel=false"}, 2},
      {{"pp=2"}, 2},
      {{"pp=2", "vpp=2"}, 2},
      {{"dp=2"}, 2},
      {{"dp=2", "zero=0"}, 2},
      {{"dp=2", "overlap.grad_reduce=true", "overlap.param_gather=true"}, 2},
      {{"tp=2", "dp=2"}, 4},
      {{"tp=2", "pp=2"}, 4},
      {{"pp=2", "dp=2", "schedule=gpipe", "overlap.p2p=true"}, 4},
      {{"pp=4"}, 4},
      {{"dp=4"}, 4}};
  for (const auto& [plan, ranks] : plans) expect_as_over_the_pool(plan, ranks);
}

TEST_F(Mpirun, CompareAndFilesAreRankZerosAlone) {
  const Ended ended = mpirun(2, with("compare", {"pp=2"},
                                     {"--steps", "5", "--report", path("r.json"), "--metrics",
                                      path("m.jsonl"), "--trace", path("t.json")}));
  ASSERT_EQ(ended.status, 0) << ended.err;
  const Words said = lines(ended.out);
  EXPECT_EQ(std::ranges::count_if(said, [](const std::string& line) { return line.starts_with("speed "); }),
            1);
  EXPECT_EQ(schema_faults("exec-report", read(path("r.json"))), "");
  EXPECT_EQ(lines(read(path("m.jsonl"))).size(), 5U);
  EXPECT_TRUE(Json::accept(read(path("t.json"))));
}

TEST_F(Mpirun, AnEndOfTheRunIsToldInOneLineOfOurs) {
  const Ended nan = mpirun(2, with("run", {"dp=2"}, {"--steps", "30", "--set", "train.learning_rate=1e30"}));
  EXPECT_EQ(nan.status, 1);
  ASSERT_EQ(our_lines(nan).size(), 1U) << nan.err;
  EXPECT_NE(our_lines(nan)[0].find("is not a finite number"), std::string::npos);

  const Ended unequal = mpirun(2, with("run", {"tp=4"}, {"--steps", "1"}));
  EXPECT_EQ(unequal.status, 2);
  ASSERT_EQ(our_lines(unequal).size(), 1U) << unequal.err;
  EXPECT_EQ(our_lines(unequal)[0], "ds: plan: has 4 ranks, and 2 were started; start as many: -n 4");

  const Ended calibrate = mpirun(2, {"calibrate", "--out", "-"});
  EXPECT_EQ(calibrate.status, 2);
  ASSERT_EQ(our_lines(calibrate).size(), 1U) << calibrate.err;
  EXPECT_NE(our_lines(calibrate)[0].find("starts its ranks itself"), std::string::npos);
}

TEST_F(Mpirun, CtrlCEndsAllAfterTheSameStepAndSavesWhatWasReached) {
  for (const int signal : {SIGINT, SIGTERM}) {
    const Ended ended = mpirun(2,
                               with("run", {"dp=2"},
                                    {"--steps", "1000000", "--report", path("r.json"), "--metrics",
                                     path("m.jsonl"), "--progress", "always"}),
                               {.signal = SignalWhen{.text = "step ", .signal = signal}});
    EXPECT_NE(ended.status, 0);
    EXPECT_FALSE(ended.timed_out);
    const Json report = Json::parse(read(path("r.json")));
    EXPECT_EQ(schema_faults("exec-report", report.dump()), "");
    EXPECT_GE(report["steps"].size(), 1U);
    EXPECT_EQ(lines(read(path("m.jsonl"))).size(), report["steps"].size());
  }
}

TEST_F(Mpirun, OneThatIsKilledEndsTheRun) {
  const Ended ended =
      mpirun(2, with("run", {"dp=2"}, {"--steps", "1000000", "--progress", "always"}),
             {.signal = SignalWhen{.text = "step ", .signal = SIGKILL, .to = SignalWhen::To::last_child}});
  EXPECT_EQ(ended.status, 128 + SIGKILL);
  EXPECT_FALSE(ended.timed_out);
  EXPECT_NE(ended.err.find("process rank 1"), std::string::npos) << ended.err;
}

TEST_F(Mpirun, OneThatIsStoppedEndsTheRunWithALineThatSaysWhich) {
  const Ended ended =
      mpirun(2, with("run", {"dp=2"}, {"--steps", "1000000", "--progress", "always"}),
             {.signal = SignalWhen{.text = "step ", .signal = SIGSTOP, .to = SignalWhen::To::last_child}});
  EXPECT_NE(ended.status, 0);
  EXPECT_LT(ended.after_signal_s, 30);
  ASSERT_EQ(our_lines(ended).size(), 1U) << ended.err;
  EXPECT_TRUE(our_lines(ended)[0].starts_with("ds: rank 1 was stopped (SIGSTOP)")) << ended.err;
}

/// Rank 0 hands out the job as it has read it; only rank 0 has standard input.
TEST_F(Mpirun, AllTrainByWhatRankZeroHasRead) {
  Words words = with("run", {"dp=2"}, {"--steps", "6", "--report", "-"});
  const Json expected = parsed(exec(words));
  words[1] = "-";
  const Json report = parsed(mpirun(2, words, {.input = job}));
  ASSERT_EQ(report["steps"].size(), 6U);
  for (std::size_t step = 0; step < 6; ++step)
    EXPECT_EQ(report["steps"][step]["loss"], expected["steps"][step]["loss"]);
}

/// What a build without MPI says, in one line, rank 0 alone.
TEST_F(World, AProgramWithoutMpiRefusesToRunUnderMpirun) {
  if (executor::World::built_in()) GTEST_SKIP() << "this one was built with MPI";
  const std::string job = write("job.json", kTinyJob), text = write("text", some_text(20000));
  EXPECT_TRUE(complains(exec({"run", job, "--data", text, "--steps", "1"},
                             {.environment = {"OMPI_COMM_WORLD_RANK=0", "OMPI_COMM_WORLD_SIZE=2"}}),
                        2, "was built without MPI"));
}

}  // namespace
}  // namespace ds::e2e
