#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>

#include "simulator/base/error.h"
#include "tests/executor/pool/threads.h"

namespace ds::executor {
namespace {

using collective::Algorithm;
using collective::Collective;

struct Case {
  Collective what{};
  Algorithm algorithm{};
  std::int32_t ranks{};
  std::int64_t elements{};
  bool in_place{};
};

std::string tell(const Case& c) {
  return fmt::format("{} by {}, {} ranks, {} elements{}", name_of(c.what), name_of(c.algorithm), c.ranks,
                     c.elements, c.in_place ? ", in place" : "");
}

std::int64_t chunk(const Case& c) { return c.elements / c.ranks; }
/// How much a rank gives, how much it ends with, and where the latter lies in the whole.
std::int64_t given_count(const Case& c) { return c.what == Collective::all_gather ? chunk(c) : c.elements; }
std::int64_t kept_count(const Case& c) {
  return c.what == Collective::reduce_scatter ? chunk(c) : c.elements;
}

Numbers numbers(const Case& c) { return c.algorithm == Algorithm::direct ? Numbers::any : Numbers::whole; }

/// Element `i` of what `rank` has to end with: sums from rank 0 on.
template <class T>
T expected(const Case& c, std::int32_t rank, std::int64_t i, std::int64_t round) {
  const auto from = [&](std::int32_t r, std::int64_t at) { return given<T>(numbers(c), r, at, round); };
  switch (c.what) {
    case Collective::all_gather: return from(static_cast<std::int32_t>(i / chunk(c)), i % chunk(c));
    case Collective::broadcast: return from(0, i);
    case Collective::shift: return from((rank + c.ranks - 1) % c.ranks, i);
    case Collective::all_to_all: break;  // is not run
    case Collective::all_reduce:
    case Collective::reduce_scatter: break;
  }
  const std::int64_t at = c.what == Collective::reduce_scatter ? rank * chunk(c) + i : i;
  T sum = from(0, at);
  for (std::int32_t r = 1; r < c.ranks; ++r) sum += from(r, at);
  return sum;
}

/// Two rounds of one exchange on one rank; returns the number of wrong elements, and of elements of the guard that stands
/// behind what may be written.
template <class T>
std::int64_t wrong_elements(Pool& pool, const Case& c, DataType type, std::int32_t rank) {
  constexpr std::int64_t kGuard = 16;
  const auto size = static_cast<std::int64_t>(sizeof(T));
  const std::int64_t second = round_up((c.elements + kGuard) * size, 64);
  Exchange exchange{.what = ExchangeKind::collective,
                    .collective = c.what,
                    .algorithm = c.algorithm,
                    .type = type,
                    .elements = c.elements,
                    .from = {0},
                    .to = {second}};
  if (c.in_place) exchange.to = {c.what == Collective::reduce_scatter ? rank * chunk(c) * size : 0};
  if (c.in_place && c.what == Collective::all_gather) exchange.from = {rank * chunk(c) * size};
  PoolCommunicator communicator(pool, spec_of_all(pool, rank));
  std::int64_t wrong = 0;
  for (std::int64_t round = 0; round < 2; ++round) {
    const std::span<T> from = values<T>(pool, rank, exchange.from, given_count(c));
    const std::span<T> to = values<T>(pool, rank, exchange.to, kept_count(c));
    const std::span<T> guard = values<T>(pool, rank, exchange.to + Bytes{kept_count(c) * size}, kGuard);
    const bool guarded = !c.in_place || c.what != Collective::reduce_scatter;
    if (guarded) std::ranges::fill(guard, T{77});
    for (std::int64_t i = 0; i < std::ssize(from); ++i)
      from[static_cast<std::size_t>(i)] = given<T>(numbers(c), rank, i, round);
    communicator.wait(communicator.start(exchange));
    for (std::int64_t i = 0; i < std::ssize(to); ++i)
      wrong += to[static_cast<std::size_t>(i)] != expected<T>(c, rank, i, round);
    if (guarded) wrong += std::ssize(guard) - std::ranges::count(guard, T{77});
  }
  return wrong;
}

template <class T>
void try_case(const Case& c, DataType type) {
  SCOPED_TRACE(tell(c));
  Pool pool = pool_of(c.ranks, 2 * (c.elements + 64) * static_cast<std::int64_t>(sizeof(T)));
  std::vector<std::int64_t> wrong(static_cast<std::size_t>(c.ranks));
  run_ranks(pool, [&](std::int32_t r) {
    wrong[static_cast<std::size_t>(r)] = wrong_elements<T>(pool, c, type, r);
  });
  EXPECT_THAT(wrong, testing::Each(0));
}

bool needs_equal_chunks(Collective what) {
  return what == Collective::all_gather || what == Collective::reduce_scatter;
}

/// Every collective and algorithm, in and out of place, for those numbers of elements (rounded up to equal chunks).
template <class Try>
void for_each_case(std::initializer_list<std::int32_t> ranks, std::initializer_list<std::int64_t> sizes,
                   Try attempt) {
  for (const Collective what : collective::kCollectives)
    for (const Algorithm algorithm : collective::kAlgorithms)
      for (const std::int32_t n : ranks)
        for (const std::int64_t size : sizes)
          for (const bool in_place : {false, true}) {
            if (!collective::has(what, algorithm, n) || (in_place && what == Collective::shift)) continue;
            attempt(Case{.what = what,
                         .algorithm = algorithm,
                         .ranks = n,
                         .elements = needs_equal_chunks(what) ? round_up(size, n) : size,
                         .in_place = in_place});
          }
}

TEST(PoolCollective, EndsWithWhatItSaysOnEveryRankInFp32) {
  for_each_case({1, 2, 3, 4, 8}, {1, 7, 64, 1000, 30'011},
                [](const Case& c) { try_case<float>(c, DataType::fp32); });
}

TEST(PoolCollective, EndsWithWhatItSaysOnEveryRankInFp64) {
  for_each_case({2, 3}, {3, 20'001}, [](const Case& c) { try_case<double>(c, DataType::fp64); });
}

TEST(PoolCollective, IsRightForAMillionElements) {
  for (const std::int32_t ranks : {2, 4})
    for (const Collective what : collective::kCollectives)
      try_case<float>({.what = what, .ranks = ranks, .elements = 1'000'000}, DataType::fp32);
}

TEST(PoolCollective, CopiesAnyTypeButAddsOnlyFloatingPoint) {
  Pool pool = pool_of(1, 4096);
  PoolCommunicator communicator(pool, spec_of_all(pool, 0));
  Exchange exchange{.what = ExchangeKind::collective,
                    .collective = Collective::broadcast,
                    .type = DataType::int32,
                    .elements = 8,
                    .from = {0},
                    .to = {64}};
  values<std::int32_t>(pool, 0, {0}, 8)[7] = 42;
  communicator.wait(communicator.start(exchange));
  EXPECT_EQ(values<std::int32_t>(pool, 0, {64}, 8)[7], 42);
}

TEST(PoolCollective, GroupsWithoutACommonRankShareAChannel) {
  Pool pool = pool_of(4, 4096);
  run_ranks(pool, [&](std::int32_t r) {
    // {0, 2} and {3, 1}: order within a group is the group's own.
    PoolCommunicator communicator(pool, r % 2 == 0 ? CommunicatorSpec{.ranks = {0, 2}, .me = r / 2}
                                                   : CommunicatorSpec{.ranks = {3, 1}, .me = r == 3 ? 0 : 1});
    values<float>(pool, r, {0}, 1)[0] = static_cast<float>(1 << r);
    communicator.wait(communicator.start({.what = ExchangeKind::collective,
                                          .collective = Collective::all_reduce,
                                          .type = DataType::fp32,
                                          .elements = 1}));
    communicator.wait(communicator.start({.what = ExchangeKind::collective,
                                          .collective = Collective::broadcast,
                                          .type = DataType::fp32,
                                          .elements = 1,
                                          .from = {64},
                                          .to = {64}}));
  });
  EXPECT_EQ(values<float>(pool, 0, {0}, 1)[0], 5);
  EXPECT_EQ(values<float>(pool, 1, {0}, 1)[0], 10);
}

TEST(PoolCollective, BitsDoNotDependOnWhoComesLate) {
  // 0.1 + 0.2 + 0.3 differs by order in fp64; many exchanges in a row, each rank late at random.
  constexpr std::int64_t kElements = 37, kRounds = 400;
  Pool pool = pool_of(4, 4096);
  std::vector<std::int64_t> wrong(4);
  run_ranks(pool, [&](std::int32_t r) {
    PoolCommunicator communicator(pool, spec_of_all(pool, r));
    const RandomStream late(99, static_cast<std::uint64_t>(r));
    for (std::int64_t round = 0; round < kRounds; ++round) {
      const std::span<double> mine = values<double>(pool, r, {0}, kElements);
      for (std::int64_t i = 0; i < kElements; ++i)
        mine[static_cast<std::size_t>(i)] = given<double>(Numbers::any, r, i, round);
      for (int i = 0; i < static_cast<int>(late.uniform(static_cast<std::uint64_t>(round)) * 20); ++i)
        std::this_thread::yield();
      communicator.wait(communicator.start({.what = ExchangeKind::collective,
                                            .collective = Collective::all_reduce,
                                            .type = DataType::fp64,
                                            .elements = kElements}));
      const Case same{.what = Collective::all_reduce, .ranks = 4, .elements = kElements};
      for (std::int64_t i = 0; i < kElements; ++i)
        wrong[static_cast<std::size_t>(r)] +=
            mine[static_cast<std::size_t>(i)] != expected<double>(same, r, i, round);
    }
  });
  EXPECT_THAT(wrong, testing::Each(0));
}

TEST(PoolCollective, RanksThatDoDifferentThingsAreToldApart) {
  Pool pool = pool_of(2, 4096);
  const auto differ = [&] {
    run_ranks(pool, [&](std::int32_t r) {
      PoolCommunicator communicator(pool, spec_of_all(pool, r));
      communicator.wait(communicator.start({.what = ExchangeKind::collective,
                                            .collective = Collective::all_reduce,
                                            .type = DataType::fp32,
                                            .elements = 8 + r}));
    });
  };
  try {
    differ();
    FAIL() << "nothing was thrown";
  } catch (const MachineError& e) {
    EXPECT_THAT(e.what(), testing::AnyOf(testing::HasSubstr("they run different programs"),
                                         testing::HasSubstr("has given up")));
  }
}

}  // namespace
}  // namespace ds::executor
