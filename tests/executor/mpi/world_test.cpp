// Messages, words and complaints, on as many ranks as there are.
#include "tests/executor/mpi/world.h"

#include <gmock/gmock.h>

#include <algorithm>

#include "executor/mpi/mpi_communicator.h"
#include "executor/mpi/train_together.h"
#include "simulator/base/error.h"
#include "tests/executor/mpi/groups.h"

namespace ds::executor {
namespace {

using testing::HasSubstr;

class MpiWorld : public InWorld {};

TEST_F(MpiWorld, GivesEveryRanksWordToAll) {
  for (std::uint64_t round = 0; round < 100; ++round) {
    const std::vector<std::uint64_t> words =
        world().words(round * 1000 + static_cast<std::uint64_t>(world().rank()), Seconds{60});
    ASSERT_EQ(std::ssize(words), world().ranks());
    for (std::size_t r = 0; r < words.size(); ++r) EXPECT_EQ(words[r], round * 1000 + r);
  }
}

TEST_F(MpiWorld, RanksOfOneHostShareAClock) {
  EXPECT_TRUE(world().one_host());
  EXPECT_NEAR(ahead_of_first(world()).value, 0, 0.05);
}

TEST_F(MpiWorld, MessagesArriveInTheOrderInWhichTheyWereSent) {
  Ring ring(world(), 1 << 20);
  for (const std::int64_t elements : {1, 250, 251, 10'000}) {
    constexpr std::int64_t kMessages = 5;
    std::vector<Ticket> sends, receives;
    for (std::int64_t m = 0; m < kMessages; ++m) {
      const Bytes from{m * elements * 4}, to{(kMessages + m) * elements * 4};
      for (std::int64_t i = 0; i < elements; ++i)
        ring.values(from)[i] = static_cast<float>(world().rank() * 100 + m * 10 + i % 7);
      sends.push_back(ring.communicator.start(
          {.what = ExchangeKind::send, .type = DataType::fp32, .elements = elements, .from = from}));
      receives.push_back(ring.communicator.start(
          {.what = ExchangeKind::receive, .type = DataType::fp32, .elements = elements, .to = to}));
    }
    for (const Ticket& ticket : receives) ring.communicator.wait(ticket);
    for (const Ticket& ticket : sends)
      while (!ring.communicator.poll(ticket)) {}
    const std::int32_t before = (world().rank() + world().ranks() - 1) % world().ranks();
    for (std::int64_t m = 0; m < kMessages; ++m)
      for (std::int64_t i = 0; i < elements; ++i)
        ASSERT_EQ(ring.values({(kMessages + m) * elements * 4})[i],
                  static_cast<float>(before * 100 + m * 10 + i % 7));
  }
}

TEST_F(MpiWorld, APeerThatNeverComesIsNamedAfterTheDeadline) {
  if (world().ranks() == 1) GTEST_SKIP() << "one rank has no peer";
  Ring ring(world(), 64, Seconds{0.2});
  const std::int32_t before = (world().rank() + world().ranks() - 1) % world().ranks();
  const Exchange receive{.what = ExchangeKind::receive, .type = DataType::fp32, .elements = 1};
  const Ticket ticket = ring.communicator.start(receive);
  try {
    ring.communicator.wait(ticket);
    ADD_FAILURE() << "nobody has sent anything";
  } catch (const MachineError& e) {
    EXPECT_THAT(e.what(), HasSubstr("has waited for rank " + std::to_string(before) + " for 0."));
  }
  world().words(0, Seconds{60});  // all have given up
  const Ticket send = ring.communicator.start(
      {.what = ExchangeKind::send, .type = DataType::fp32, .elements = 1, .from = {8}});
  ring.communicator.wait(ticket);
  ring.communicator.wait(send);
}

TEST_F(MpiWorld, RanksThatDoDifferentThingsAreToldApart) {
  if (world().ranks() == 1) GTEST_SKIP() << "one rank has no peer";
  for (const std::int64_t more : {-1, 1}) {
    Ring ring(world(), 64);
    const Ticket receive = ring.communicator.start(
        {.what = ExchangeKind::receive, .type = DataType::fp32, .elements = 2 + more});
    ring.communicator.start(
        {.what = ExchangeKind::send, .type = DataType::fp32, .elements = 2, .from = {16}});
    EXPECT_THROW(ring.communicator.wait(receive), MachineError) << more;
    world().words(0, Seconds{60});
  }
}

}  // namespace
}  // namespace ds::executor
