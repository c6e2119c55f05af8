#include "executor/supervisor/supervisor.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sched.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <set>
#include <thread>

#include "executor/supervisor/process.h"
#include "simulator/base/error.h"
#include "simulator/base/random.h"
#include "tests/executor/supervisor/rank_body.h"
#include "tests/support/sanitizer.h"

namespace ds::executor {
namespace {

using testing::HasSubstr;
using Clock = std::chrono::steady_clock;

Pool pool_of(std::int32_t ranks) {
  return Pool::create(
      {.arenas = std::vector<Bytes>(static_cast<std::size_t>(ranks), Bytes{kArena}), .mailbox = {4096}});
}

Launch launch_of(std::vector<std::string> mode) {
  mode.insert(mode.begin(), "supervisor_test");
  return {.arguments = mode, .environment = {"OPENBLAS_NUM_THREADS=7"}};
}

RankNote note_of(const Pool& pool, std::int32_t rank) {
  RankNote note{};
  std::memcpy(&note, pool.arena(rank).data(), sizeof note);
  return note;
}

RankResult result_of(const Outcome& outcome, std::int32_t rank) {
  RankResult result{};
  const std::vector<std::byte>& bytes = outcome.results.at(static_cast<std::size_t>(rank));
  if (bytes.size() == sizeof result) std::memcpy(&result, bytes.data(), sizeof result);
  return result;
}

/// The failure as it is told, or nothing.
std::string told(const Outcome& outcome) { return outcome.failure ? tell(*outcome.failure) : ""; }
RankFailure failure_of(const Outcome& outcome) {
  return outcome.failure.value_or(RankFailure{.death = {.rank = -1}, .status = {}});
}

/// Waits, for at most 10 s, until `rank` has begun that step.
void await_step(const Pool& pool, std::int32_t rank, std::int64_t step) {
  const auto begin = Clock::now();
  while (Clock::now() - begin < std::chrono::seconds(10)) {
    const RankStatus status = pool.status(rank);
    if (status.phase == RankPhase::training && status.step >= step) return;
    std::this_thread::yield();
  }
}

/// But for those of an MPI that another test may be running.
std::set<std::string> shared_memory_files() {
  std::set<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator("/dev/shm"))
    if (!entry.path().filename().string().starts_with("vader_segment")) names.insert(entry.path());
  return names;
}

bool has_children() { return ::waitpid(-1, nullptr, WNOHANG) >= 0 || errno != ECHILD; }

void try_sum(std::int32_t ranks) {
  Pool pool = pool_of(ranks);
  const Outcome outcome = supervise(pool, launch_of({"sum", "50"}));
  EXPECT_EQ(told(outcome), "");
  EXPECT_FALSE(outcome.stopped);
  for (std::int32_t r = 0; r < ranks; ++r) {
    const RankResult result = result_of(outcome, r);
    EXPECT_TRUE(result.steps == 50 && result.sum == expected_sum(ranks, 50))
        << "rank " << r << " of " << ranks;
    EXPECT_EQ(note_of(pool, r).blas_threads, 1);
  }
  EXPECT_FALSE(has_children());
}

TEST(Supervisor, RanksEndWithEqualResults) {
  for (const std::int32_t ranks : {1, 2, 4}) try_sum(ranks);
}

TEST(Supervisor, PinsRanksWhereThereAreEnoughCores) {
  cpu_set_t allowed;
  ::sched_getaffinity(0, sizeof allowed, &allowed);
  const int cores = CPU_COUNT(&allowed);
  for (const std::int32_t ranks : {1, cores + 1}) {
    Pool pool = pool_of(ranks);
    Launch launch = launch_of({"sum", "1"});
    launch.pin = true;
    EXPECT_FALSE(supervise(pool, launch).failure);
    EXPECT_EQ(note_of(pool, 0).cores, ranks == 1 ? 1 : cores);
  }
}

void kill_in_step(std::int32_t victim, std::int64_t step) {
  Pool pool = pool_of(3);
  Clock::time_point killed;
  std::jthread killer([&] {
    await_step(pool, victim, step);
    killed = Clock::now();
    ::kill(note_of(pool, victim).process, SIGKILL);
  });
  const Outcome outcome = supervise(pool, launch_of({"status", "-1"}));
  killer.join();
  EXPECT_LT(Clock::now() - killed, std::chrono::seconds(10));
  EXPECT_EQ(failure_of(outcome).death, (Death{.rank = victim, .signal = SIGKILL}));
  EXPECT_GE(failure_of(outcome).status.step, step);
  EXPECT_THAT(told(outcome),
              HasSubstr(fmt::format("rank {} was killed by signal 9 (Killed) in step ", victim)));
  EXPECT_FALSE(has_children());
}

TEST(Supervisor, KillOfAnyRankAtAnyMomentEndsAllAndIsNamed) {
  const std::set<std::string> before = shared_memory_files();
  const RandomStream random(11, 0);
  for (std::uint64_t repeat = 0; repeat < 12; ++repeat)
    kill_in_step(static_cast<std::int32_t>(random.below(3, 2 * repeat)),
                 static_cast<std::int64_t>(random.below(200, 2 * repeat + 1)));
  EXPECT_EQ(shared_memory_files(), before);
}

TEST(Supervisor, NamesARankThatEndsBadlyByItself) {
  Pool pool = pool_of(3);
  const Outcome outcome = supervise(pool, launch_of({"status", "1", "5"}));
  EXPECT_EQ(told(outcome), "rank 1 ended with status 5 in step 20, call 0, instruction 0");

  Pool second = pool_of(3);
  const Outcome faulted = supervise(second, launch_of({"fault", "2"}));
  EXPECT_EQ(failure_of(faulted).death.rank, 2);
  EXPECT_EQ(failure_of(faulted).status.step, 20);
}

TEST(Supervisor, KillsRanksThatDoNotEndInTheirGrace) {
  Pool pool = pool_of(3);
  Launch launch = launch_of({"hang", "0"});
  launch.grace = {0.1};
  const auto begin = Clock::now();
  const Outcome outcome = supervise(pool, launch);
  EXPECT_LT(Clock::now() - begin, std::chrono::seconds(10));
  EXPECT_EQ(failure_of(outcome).death, (Death{.rank = 0, .status = 3}));
  EXPECT_FALSE(has_children());
}

/// `limits` decide what is seen first; rank 1 is to blame in any case, although the others wait for it and do not move either.
std::string told_of_stopped_rank(StandstillLimits limits) {
  Pool pool = pool_of(3);
  Launch launch = launch_of({"status", "-1"});
  launch.standstill = limits;
  std::jthread stopper([&] {
    await_step(pool, 1, 10);
    ::kill(note_of(pool, 1).process, SIGSTOP);
  });
  const Outcome outcome = supervise(pool, launch);
  EXPECT_FALSE(has_children());
  return told(outcome);
}

TEST(Supervisor, NamesARankThatDoesNotGoOn) {
  EXPECT_THAT(told_of_stopped_rank({.stopped = {0.1}}),
              HasSubstr("rank 1 was stopped (SIGSTOP) and did not go on for 0 s in step "));
  // So long that no rank is kept from its core for it, on a busy machine.
  EXPECT_THAT(told_of_stopped_rank({.stopped = {100}, .silent = {support::sanitized() ? 8.0 : 3.0}}),
              HasSubstr("rank 1 has not moved for "));
}

TEST(Supervisor, KillsRanksThatDoNotEndAfterAStopRequest) {
  Pool pool = pool_of(2);
  StopToken stop;
  stop.signal = SIGTERM;
  Launch launch = launch_of({"hang", "-1"});
  launch.stop = &stop;
  launch.stop_grace = {0.2};
  const auto begin = Clock::now();
  const Outcome outcome = supervise(pool, launch);
  EXPECT_LT(Clock::now() - begin, std::chrono::seconds(10));
  EXPECT_TRUE(outcome.stopped && outcome.cut);
  EXPECT_EQ(told(outcome), "");
  EXPECT_FALSE(has_children());
}

TEST(Supervisor, StopRequestEndsAllAfterTheSameStep) {
  Pool pool = pool_of(4);
  StopToken stop;
  Launch launch = launch_of({"status", "-1"});
  launch.stop = &stop;
  std::jthread asking([&] {
    await_step(pool, 3, 40);
    // To every process, as a terminal does; the ranks leave it to their supervisor.
    for (std::int32_t r = 0; r < 4; ++r) ::kill(note_of(pool, r).process, SIGINT);
    stop.signal = SIGINT;
  });
  const Outcome outcome = supervise(pool, launch);
  EXPECT_EQ(told(outcome), "");
  EXPECT_TRUE(outcome.stopped);
  const RankResult first = result_of(outcome, 0);
  EXPECT_GT(first.steps, 40);
  for (std::int32_t r = 0; r < 4; ++r) {
    EXPECT_EQ(result_of(outcome, r).steps, first.steps);
    EXPECT_EQ(result_of(outcome, r).sum, first.sum);
  }
}

TEST(Supervisor, RanksDieWithIt) {
  int ends[2];
  ASSERT_EQ(::pipe(ends), 0);  // inherited; its end comes when the last process that holds it is gone
  {
    Process supervisor({.program = "/proc/self/exe",
                        .arguments = {"supervisor_test", "supervise", std::to_string(ends[1])},
                        .environment = {}});
    ::close(ends[1]);
    pollfd wait{.fd = ends[0], .events = POLLIN, .revents = 0};
    char byte{};
    for (int r = 0; r < 3; ++r) {
      ASSERT_EQ(::poll(&wait, 1, 20'000), 1);
      ASSERT_EQ(::read(ends[0], &byte, 1), 1);
    }
    supervisor.kill();
    ASSERT_EQ(::poll(&wait, 1, 10'000), 1) << "ranks are left behind";
    EXPECT_EQ(::read(ends[0], &byte, 1), 0);
  }
  ::close(ends[0]);
}

TEST(RankEnvironment, IsReadFromTwoNumbers) {
  EXPECT_EQ(rank_environment(nullptr, nullptr), std::nullopt);
  EXPECT_EQ(rank_environment("3", "7"), (RankEnvironment{.rank = 3, .pool_descriptor = 7}));
  EXPECT_THROW(rank_environment("3", nullptr), InputError);
  EXPECT_THROW(rank_environment("3x", "7"), InputError);
  EXPECT_THROW(rank_environment("-1", "7"), InputError);
}

}  // namespace
}  // namespace ds::executor

int main(int count, char** arguments) {
  using namespace ds::executor;
  if (const auto environment = rank_environment(std::getenv(kRankVariable), std::getenv(kPoolVariable)))
    return run_rank_body(*environment, count, arguments);
  if (count == 3 && std::string_view(arguments[1]) == "supervise") {
    Pool pool = Pool::create({.arenas = std::vector<ds::Bytes>(3, {kArena})});
    return supervise(pool, {.arguments = {"supervisor_test", "pipe", arguments[2]}}).failure ? 1 : 0;
  }
  testing::InitGoogleTest(&count, arguments);
  return RUN_ALL_TESTS();
}
