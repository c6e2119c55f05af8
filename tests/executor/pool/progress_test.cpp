// Exchanges that go on while others do.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/executor/pool/threads.h"

namespace ds::executor {
namespace {

using collective::Algorithm;
using collective::Collective;

TEST(PoolProgress, GoesOnWhereTheLastCommunicatorOfItsChannelEnded) {
  Pool pool = pool_of(2, 4096);
  const Exchange sum{.what = ExchangeKind::collective,
                     .collective = Collective::all_reduce,
                     .type = DataType::fp32,
                     .elements = 1};
  for (const float expected : {2.0F, 4.0F, 8.0F}) {
    run_ranks(pool, [&](std::int32_t r) {
      if (expected == 2) values<float>(pool, r, {0}, 1)[0] = 1;
      PoolCommunicator communicator(pool, spec_of_all(pool, r));
      communicator.wait(communicator.start(sum));
      const Ticket receive = communicator.start(
          {.what = ExchangeKind::receive, .type = DataType::fp32, .elements = 1, .to = {64}});
      communicator.wait(
          communicator.start({.what = ExchangeKind::send, .type = DataType::fp32, .elements = 1}));
      communicator.wait(receive);
    });
    for (const std::int32_t r : {0, 1}) EXPECT_EQ(values<float>(pool, r, {64}, 1)[0], expected);
  }
}

TEST(PoolProgress, OnePollMovesABoundedPiece) {
  // One thread plays both ranks. A share of 150'000 floats is read from 2 buffers and written to 2: 2.4 MB, 10 polls.
  constexpr std::int64_t kElements = 300'000;
  Pool pool = pool_of(2, kElements * 4);
  for (const std::int32_t r : {0, 1}) std::ranges::fill(values<float>(pool, r, {0}, kElements), 1.0F);
  PoolCommunicator first(pool, spec_of_all(pool, 0)), second(pool, spec_of_all(pool, 1));
  const Exchange sum{.what = ExchangeKind::collective,
                     .collective = Collective::all_reduce,
                     .type = DataType::fp32,
                     .elements = kElements};
  const Ticket a = first.start(sum), b = second.start(sum);
  const std::span<float> shares = values<float>(pool, 1, {0}, kElements);
  for (int poll = 0; poll < 9; ++poll) EXPECT_FALSE(first.poll(a));
  EXPECT_EQ(shares[0], 2);
  EXPECT_EQ(shares[kElements / 2 - 1], 1);
  EXPECT_FALSE(first.poll(a));
  EXPECT_EQ(shares[kElements / 2 - 1], 2);
  EXPECT_EQ(shares[kElements / 2], 1);  // the other's share
  while (!second.poll(b)) {}
  EXPECT_TRUE(first.poll(a));
  EXPECT_THAT(shares, testing::Each(2));
}

TEST(PoolProgress, SeveralMayBeStartedAheadAndAreWorkedOffByPolling) {
  constexpr std::int64_t kElements = 300'000, kCount = 3;  // each takes several polls
  Pool pool = pool_of(3, kCount * kElements * 4 + 4096);
  std::vector<std::int64_t> wrong(3);
  run_ranks(pool, [&](std::int32_t r) {
    const auto me = static_cast<std::size_t>(r);
    PoolCommunicator communicator(pool, spec_of_all(pool, r));
    std::vector<Ticket> tickets;
    for (std::int64_t k = 0; k < kCount; ++k) {
      const Bytes at{k * kElements * 4};
      std::ranges::fill(values<float>(pool, r, at, kElements), static_cast<float>(r + k));
      tickets.push_back(communicator.start({.what = ExchangeKind::collective,
                                            .collective = Collective::all_reduce,
                                            .type = DataType::fp32,
                                            .elements = kElements,
                                            .from = at,
                                            .to = at}));
    }
    while (!communicator.poll(tickets.back())) std::this_thread::yield();
    for (std::int64_t k = 0; k < kCount; ++k) {
      EXPECT_TRUE(communicator.poll(tickets[static_cast<std::size_t>(k)]));
      for (const float x : values<float>(pool, r, {k * kElements * 4}, kElements))
        wrong[me] += x != static_cast<float>(3 + 3 * k);
    }
  });
  EXPECT_THAT(wrong, testing::Each(0));
}

TEST(PoolProgress, TwoCommunicatorsRunAtATime) {
  constexpr std::int64_t kElements = 100'000;
  Pool pool = pool_of(4, 2 * kElements * 4 + 4096, 2);
  std::vector<std::int64_t> wrong(4);
  run_ranks(pool, [&](std::int32_t r) {
    PoolCommunicator all(pool, spec_of_all(pool, r, 0));
    PoolCommunicator pair(pool, {.ranks = {r / 2 * 2, r / 2 * 2 + 1}, .me = r % 2, .channel = 1});
    const Bytes second{kElements * 4};
    std::ranges::fill(values<float>(pool, r, {0}, 2 * kElements), static_cast<float>(r + 1));
    const Exchange whole{.what = ExchangeKind::collective,
                         .collective = Collective::all_reduce,
                         .type = DataType::fp32,
                         .elements = kElements};
    Exchange half = whole;
    half.from = half.to = second, half.algorithm = Algorithm::ring;
    // Some begin with the one, some with the other.
    Ticket a{}, b{};
    if (r % 2 == 0)
      a = all.start(whole), b = pair.start(half);
    else
      b = pair.start(half), a = all.start(whole);
    for (bool a_ended = false, b_ended = false; !a_ended || !b_ended; std::this_thread::yield())
      a_ended = a_ended || all.poll(a), b_ended = b_ended || pair.poll(b);
    for (const float x : values<float>(pool, r, {0}, kElements))
      wrong[static_cast<std::size_t>(r)] += x != 10;
    for (const float x : values<float>(pool, r, second, kElements))
      wrong[static_cast<std::size_t>(r)] += x != static_cast<float>(r < 2 ? 3 : 7);
  });
  EXPECT_THAT(wrong, testing::Each(0));
}

}  // namespace
}  // namespace ds::executor
