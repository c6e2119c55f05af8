#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/executor/pool/threads.h"

namespace ds::executor {
namespace {

Exchange message(ExchangeKind what, std::int64_t elements, Bytes at) {
  return {.what = what, .type = DataType::fp32, .elements = elements, .from = at, .to = at};
}

/// Every rank sends on what it received, until everything has been everywhere.
void try_ring(std::int32_t ranks, std::int32_t shift, std::int64_t elements) {
  Pool pool = pool_of(ranks, 2 * elements * 4 + 4096);
  std::vector<std::int64_t> wrong(static_cast<std::size_t>(ranks));
  run_ranks(pool, [&](std::int32_t r) {
    CommunicatorSpec spec = spec_of_all(pool, r);
    spec.shift = shift;
    PoolCommunicator communicator(pool, spec);
    const Bytes halves[] = {{0}, {elements * 4}};
    std::ranges::fill(values<float>(pool, r, halves[0], elements), static_cast<float>(r));
    for (std::int32_t hop = 1; hop <= 2 * ranks; ++hop) {
      // Each waits for its send before it looks at its receive: the receive has to go on meanwhile.
      const Ticket receive = communicator.start(message(ExchangeKind::receive, elements, halves[hop % 2]));
      communicator.wait(communicator.start(message(ExchangeKind::send, elements, halves[(hop + 1) % 2])));
      communicator.wait(receive);
      const std::int32_t origin = ((r - hop * shift) % ranks + ranks) % ranks;
      for (const float x : values<float>(pool, r, halves[hop % 2], elements))
        wrong[static_cast<std::size_t>(r)] += x != static_cast<float>(origin);
    }
  });
  EXPECT_THAT(wrong, testing::Each(0))
      << ranks << " ranks, shift " << shift << ", " << elements << " elements";
}

TEST(PoolMessage, GoesRoundARing) {
  for (const std::int32_t ranks : {1, 2, 3, 4, 8})
    for (const std::int32_t shift : {1, -1, 2})
      for (const std::int64_t elements : {1, 1003, 100'003}) try_ring(ranks, shift, elements);
}

TEST(PoolMessage, SenderMayBeFarAhead) {
  // More messages than can be posted ahead; the receiver takes them in order, late at random.
  constexpr std::int64_t kMessages = 100, kElements = 50;
  Pool pool = pool_of(2, kMessages * kElements * 4);
  std::int64_t wrong = 0;
  run_ranks(pool, [&](std::int32_t r) {
    PoolCommunicator communicator(pool, spec_of_all(pool, r));
    const RandomStream late(5, 5);
    std::vector<Ticket> sends;
    for (std::int64_t k = 0; k < kMessages; ++k) {
      const Bytes at{k * kElements * 4};
      if (r == 0) {
        std::ranges::fill(values<float>(pool, 0, at, kElements), static_cast<float>(k));
        sends.push_back(communicator.start(message(ExchangeKind::send, kElements, at)));
      } else {
        for (int i = 0; i < static_cast<int>(late.uniform(static_cast<std::uint64_t>(k)) * 10); ++i)
          std::this_thread::yield();
        communicator.wait(communicator.start(message(ExchangeKind::receive, kElements, at)));
        for (const float x : values<float>(pool, 1, at, kElements)) wrong += x != static_cast<float>(k);
      }
    }
    for (const Ticket send : sends) communicator.wait(send);
  });
  EXPECT_EQ(wrong, 0);
}

TEST(PoolMessage, SendEndsOnlyWhenTheReceiverHasItsCopy) {
  // One thread plays both ranks, so that nothing happens unseen. 100'000 elements take several polls of the receiver.
  constexpr std::int64_t kElements = 100'000;
  Pool pool = pool_of(2, kElements * 4);
  PoolCommunicator sender(pool, spec_of_all(pool, 0)), receiver(pool, spec_of_all(pool, 1));
  values<float>(pool, 0, {0}, kElements)[kElements - 1] = 5;
  const Ticket send = sender.start(message(ExchangeKind::send, kElements, {0}));
  const Ticket receive = receiver.start(message(ExchangeKind::receive, kElements, {0}));
  EXPECT_FALSE(sender.poll(send));
  EXPECT_FALSE(receiver.poll(receive));
  EXPECT_FALSE(sender.poll(send));
  while (!receiver.poll(receive)) EXPECT_FALSE(sender.poll(send));
  EXPECT_TRUE(sender.poll(send));
  EXPECT_EQ(values<float>(pool, 1, {0}, kElements)[kElements - 1], 5);
}

}  // namespace
}  // namespace ds::executor
