#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>

#include "executor/pool/heartbeat.h"
#include "simulator/base/error.h"
#include "tests/executor/pool/threads.h"

namespace ds::executor {
namespace {

using testing::HasSubstr;

constexpr Exchange kAllReduce{.what = ExchangeKind::collective,
                              .collective = collective::Collective::all_reduce,
                              .type = DataType::fp32,
                              .elements = 16};
constexpr Exchange kReceive{.what = ExchangeKind::receive, .type = DataType::fp32, .elements = 16};

/// What a wait of rank 0 throws.
std::string message_of(Pool& pool, CommunicatorSpec spec, const Exchange& exchange) {
  PoolCommunicator communicator(pool, std::move(spec));
  try {
    communicator.wait(communicator.start(exchange));
  } catch (const MachineError& e) {
    return e.what();
  }
  return "nothing was thrown";
}

TEST(PoolWait, EndsAtItsDeadlineAndNamesThePeerAndWhatItDid) {
  for (const Exchange& exchange : {kAllReduce, kReceive}) {
    Pool pool = pool_of(2, 4096);
    pool.set_status(1, {.phase = RankPhase::training, .step = 7, .call = 2, .instruction = 11});
    CommunicatorSpec spec = spec_of_all(pool, 0);
    spec.deadline = {0.05};
    EXPECT_THAT(
        message_of(pool, spec, exchange),
        testing::AllOf(HasSubstr("rank 1 has not moved for 0.1 s"),
                       HasSubstr("in step 7, call 2, instruction 11"), HasSubstr("rank 0 waited for it")));
  }
}

TEST(PoolWait, PollHasADeadlineToo) {
  Pool pool = pool_of(2, 4096);
  CommunicatorSpec spec = spec_of_all(pool, 0);
  spec.deadline = {0.02};
  PoolCommunicator communicator(pool, spec);
  const Ticket ticket = communicator.start(kAllReduce);
  EXPECT_THROW(while (!communicator.poll(ticket)){}, MachineError);
}

TEST(PoolWait, LastsAsLongAsThePeerMoves) {
  // The peer works for four deadlines before it comes, and says so.
  Pool pool = pool_of(2, 4096);
  run_ranks(pool, [&](std::int32_t r) {
    CommunicatorSpec spec = spec_of_all(pool, r);
    spec.deadline = {0.1};
    PoolCommunicator communicator(pool, spec);
    const auto begin = std::chrono::steady_clock::now();
    if (r == 1)
      for (std::int64_t step = 0; std::chrono::steady_clock::now() - begin < std::chrono::milliseconds(400);
           ++step)
        pool.set_status(1, {.phase = RankPhase::training, .step = step});
    communicator.wait(communicator.start(kAllReduce));
  });
}

TEST(PoolWait, LastsAsLongAsThePeerWaitsForOneThatMoves) {
  // 0 waits for 1 by one channel, 1 waits for 2 by another, 2 works for long.
  Pool pool = pool_of(3, 4096, 2);
  run_ranks(pool, [&](std::int32_t r) {
    PoolCommunicator first(pool, {.ranks = {0, 1}, .me = r == 0 ? 0 : 1, .channel = 0, .deadline = {0.1}});
    PoolCommunicator second(pool, {.ranks = {1, 2}, .me = r == 2 ? 1 : 0, .channel = 1, .deadline = {0.1}});
    const auto begin = std::chrono::steady_clock::now();
    if (r == 2)
      for (std::int64_t step = 0; std::chrono::steady_clock::now() - begin < std::chrono::milliseconds(400);
           ++step)
        pool.set_status(2, {.phase = RankPhase::training, .step = step});
    if (r != 0) second.wait(second.start(kAllReduce));
    if (r != 2) first.wait(first.start(kAllReduce));
  });
}

TEST(PoolWait, CircleOfWaitsEndsAtTheDeadline) {
  Pool pool = pool_of(2, 4096, 2);
  const auto circle = [&] {
    run_ranks(pool, [&](std::int32_t r) {
      CommunicatorSpec spec = spec_of_all(pool, r, r);  // each by a channel of its own
      spec.deadline = {0.1};
      PoolCommunicator communicator(pool, spec);
      communicator.wait(communicator.start(kAllReduce));
    });
  };
  EXPECT_THROW(circle(), MachineError);
}

TEST(PoolWait, EndsAtADeathOfAnyRankLongBeforeTheDeadline) {
  Pool pool = pool_of(3, 4096);
  std::string message;
  const auto begin = std::chrono::steady_clock::now();
  std::jthread waiting([&] { message = message_of(pool, {.ranks = {0, 1}, .me = 0}, kAllReduce); });
  pool.set_status(2, {.phase = RankPhase::training, .step = 3, .call = 1, .instruction = 4});
  pool.declare_dead({.rank = 2, .signal = 9});
  waiting.join();
  EXPECT_THAT(message, testing::AllOf(HasSubstr("rank 2 was killed by signal 9"),
                                      HasSubstr("in step 3, call 1, instruction 4")));
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(10));
}

TEST(PoolWait, RanksAgreeOnOneProgramOrSayWhoDiffers) {
  Pool pool = pool_of(3, 64);
  run_ranks(pool, [&](std::int32_t r) { agree_on_program(pool, r, 42, {5}); });

  Pool other = pool_of(3, 64);
  std::vector<std::string> messages(3);
  run_ranks(other, [&](std::int32_t r) {
    try {
      agree_on_program(other, r, r == 2 ? 43 : 42, {5});
    } catch (const MachineError& e) {
      messages[static_cast<std::size_t>(r)] = e.what();
    }
  });
  EXPECT_THAT(messages[0],
              HasSubstr("rank 0 has lowered program 000000000000002a and rank 2 program 000000000000002b"));
  EXPECT_THAT(messages, testing::Each(HasSubstr("has lowered program")));

  Pool lonely = pool_of(2, 64);
  EXPECT_THROW(agree_on_program(lonely, 0, 42, {0.02}), MachineError);
}

}  // namespace
}  // namespace ds::executor
