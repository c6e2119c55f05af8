#include "executor/pool/pool.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstring>
#include <limits>

#include "simulator/base/error.h"
#include "tests/executor/pool/threads.h"

namespace ds::executor {
namespace {

TEST(Pool, ArenasHaveTheSizesAskedForAndAreSeenThroughEveryMapping) {
  const std::int64_t sizes[] = {1, 5000, 0, 4096, 123'457};
  PoolShape shape{.arenas = {}};
  for (const std::int64_t size : sizes) shape.arenas.push_back({size});
  const Pool pool = Pool::create(shape);
  const Pool other = Pool::open(::dup(pool.descriptor()));
  ASSERT_EQ(other.ranks(), 5);
  for (std::int32_t r = 0; r < 5; ++r) {
    pool.touch(r);
    const std::span<std::byte> mine = pool.arena(r);
    ASSERT_EQ(std::ssize(mine), sizes[r]);
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(mine.data()) % 64, 0);
    for (std::byte& byte : mine) byte = std::byte{static_cast<unsigned char>(r + 1)};
  }
  for (std::int32_t r = 0; r < 5; ++r)
    EXPECT_THAT(other.arena(r), testing::Each(std::byte{static_cast<unsigned char>(r + 1)})) << "rank " << r;
}

void write_at(std::ptrdiff_t at) {
  const Pool pool = pool_of(2, 4096);
  *(static_cast<volatile std::byte*>(pool.arena(0).data()) + at) = std::byte{1};
}

TEST(PoolDeathTest, ThePageBehindAnArenaMayNotBeTouched) { EXPECT_DEATH(write_at(4096), ""); }
TEST(PoolDeathTest, ThePageBeforeAnArenaMayNotBeTouched) { EXPECT_DEATH(write_at(-1), ""); }

TEST(Pool, KeepsItsSize) {
  const Pool pool = pool_of(1, 4096);
  EXPECT_NE(::ftruncate(pool.descriptor(), 1), 0);
  EXPECT_NE(::ftruncate(pool.descriptor(), std::int64_t{1} << 40), 0);
}

TEST(Pool, RecordsArriveInOrderAndOnce) {
  Pool pool = pool_of(1, 64);
  const Pool reader = Pool::open(::dup(pool.descriptor()));
  std::uint64_t seen = 0;
  EXPECT_TRUE(reader.published(seen).empty());
  for (std::uint64_t n = 0; n < 3; ++n) pool.publish({n, 10 * n, 0, 0, 0, 0, 0, n});
  const std::vector<Pool::Record> first = reader.published(seen);
  ASSERT_EQ(first.size(), 3U);
  EXPECT_EQ(first[2], (Pool::Record{2, 20, 0, 0, 0, 0, 0, 2}));
  EXPECT_TRUE(reader.published(seen).empty());
  pool.publish({7});
  EXPECT_EQ(reader.published(seen), (std::vector<Pool::Record>{{7}}));
}

TEST(Pool, AReaderThatLagsBehindLosesTheOldestRecords) {
  Pool pool = pool_of(1, 64);
  constexpr std::uint64_t kMany = 40'000;
  std::uint64_t seen = 0;
  for (std::uint64_t n = 0; n < kMany; ++n) pool.publish({n});
  const std::vector<Pool::Record> records = pool.published(seen);
  ASSERT_GT(records.size(), 1000U);
  for (std::size_t i = 0; i < records.size(); ++i) EXPECT_EQ(records[i][0], kMany - records.size() + i);
}

TEST(Pool, TheFirstDecisionStays) {
  Pool pool = pool_of(2, 64);
  EXPECT_FALSE(pool.decision());
  pool.decide(0);
  pool.decide(5);
  EXPECT_EQ(pool.decision(), 0);
}

TEST(Pool, RefusesAFileThatIsNoPool) {
  const int descriptor = ::memfd_create("other", MFD_CLOEXEC);
  EXPECT_THROW(Pool::open(::dup(descriptor)), InputError);  // too short
  ASSERT_EQ(::ftruncate(descriptor, 1 << 20), 0);
  EXPECT_THROW(Pool::open(descriptor), InputError);  // no magic
}

TEST(Pool, ThrowsWhenTheMemoryIsNotToBeHad) {
  EXPECT_THROW(pool_of(1, std::numeric_limits<std::int64_t>::max() / 2), MachineError);
}

TEST(Pool, DeliversAResultOfAnySizeUpToTheMailbox) {
  Pool pool = pool_of(2, 64);
  EXPECT_TRUE(pool.delivered(1).empty());
  const std::vector<std::byte> result(4096, std::byte{7});
  pool.deliver(1, result);
  EXPECT_TRUE(std::ranges::equal(pool.delivered(1), result));
  EXPECT_TRUE(pool.delivered(0).empty());
  EXPECT_THROW(pool.deliver(0, std::vector<std::byte>(4097)), MachineError);
}

TEST(Pool, AllRanksStopAfterTheSameStep) {
  for (int repeat = 0; repeat < 20; ++repeat) {
    Pool pool = pool_of(4, 64);
    std::vector<std::int64_t> steps(4);
    run_ranks(pool, [&](std::int32_t r) {
      std::int64_t& step = steps[static_cast<std::size_t>(r)];
      for (; pool.may_begin(step); ++step)
        if (r == 2 && step == 50 + repeat) pool.request_stop();
    });
    EXPECT_THAT(steps, testing::Each(steps[0]));
    EXPECT_GT(steps[0], 50 + repeat);  // the step that had begun was not given up
  }
}

TEST(Pool, StopBeforeTheFirstStepStopsAll) {
  Pool pool = pool_of(2, 64);
  pool.request_stop();
  EXPECT_FALSE(pool.may_begin(0));
}

TEST(Pool, KeepsTheFirstDeath) {
  Pool pool = pool_of(3, 64);
  EXPECT_EQ(pool.death(), std::nullopt);
  pool.declare_dead({.rank = 2, .signal = 9});
  pool.declare_dead({.rank = 0, .status = 3});
  EXPECT_EQ(pool.death(), (Death{.rank = 2, .signal = 9}));
}

TEST(RankStatus, SurvivesPacking) {
  const RankStatus status{
      .phase = RankPhase::judging, .step = (1 << 28) - 1, .call = 65535, .instruction = 40'000};
  EXPECT_EQ(unpack(pack(status)), status);
  EXPECT_EQ(tell(unpack(pack({.phase = RankPhase::training, .step = 12, .call = 3, .instruction = 40}))),
            "in step 12, call 3, instruction 40");
}

TEST(Death, SaysHow) {
  EXPECT_EQ(tell(Death{.rank = 2, .signal = 9}), "rank 2 was killed by signal 9 (Killed)");
  EXPECT_EQ(tell(Death{.rank = 1, .status = 3}), "rank 1 ended with status 3");
}

}  // namespace
}  // namespace ds::executor
