// Every collective by every algorithm, over MPI and over the pool: the same bits.
#include <fmt/format.h>

#include <cstring>

#include "tests/executor/mpi/groups.h"
#include "tests/executor/mpi/world.h"
#include "tests/executor/pool/threads.h"

namespace ds::executor {
namespace {

using collective::Algorithm;
using collective::Collective;

/// Numbers whose sums differ by their order.
template <class T>
void fill(std::span<std::byte> memory, std::int32_t rank) {
  const std::span<T> all(reinterpret_cast<T*>(memory.data()), memory.size() / sizeof(T));
  for (std::size_t i = 0; i < all.size(); ++i)
    all[i] = given<T>(Numbers::any, rank, static_cast<std::int64_t>(i));
}

template <class T>
void expect_the_pools_bits(World& world, const Exchange& exchange, std::int64_t bytes) {
  const std::int32_t ranks = world.ranks(), me = world.rank();
  Pool pool = pool_of(ranks, bytes);
  run_ranks(pool, [&](std::int32_t r) {
    fill<T>(pool.arena(r), r);
    PoolCommunicator communicator(pool, spec_of_all(pool, r));
    for (int i = 0; i < 2; ++i) communicator.wait(communicator.start(exchange));
  });
  Ring ring(world, bytes);
  fill<T>(ring.memory(), me);
  for (int i = 0; i < 2; ++i) ring.communicator.wait(ring.communicator.start(exchange));
  EXPECT_EQ(std::memcmp(ring.memory().data(), pool.arena(me).data(), static_cast<std::size_t>(bytes)), 0)
      << fmt::format("{} by {}, {} x {}, rank {} of {}, to {}", name_of(exchange.collective),
                     name_of(exchange.algorithm), exchange.elements, name_of(exchange.type), me, ranks,
                     exchange.to.value);
}

class MpiCollective : public InWorld {};

TEST_F(MpiCollective, HasTheBitsOfThePoolByEveryAlgorithm) {
  const std::int32_t ranks = world().ranks();
  for (const Collective what : collective::kCollectives)
    for (const Algorithm algorithm : collective::kAlgorithms)
      for (const std::int64_t wanted : {1, 7, 64, 1000, 30'011})
        for (const bool in_place : {false, true}) {
          // In place of the others depends on the rank: training has them.
          const bool same_place = what == Collective::all_reduce || what == Collective::broadcast;
          if (!collective::has(what, algorithm, ranks) || (in_place && !same_place)) continue;
          const std::int64_t elements = round_up(wanted, ranks);
          for (const DataType type : {DataType::fp32, DataType::fp64}) {
            const std::int64_t second = round_up(elements * size_of(type), 64);
            const Exchange exchange{.what = ExchangeKind::collective,
                                    .collective = what,
                                    .algorithm = algorithm,
                                    .type = type,
                                    .elements = elements,
                                    .from = {0},
                                    .to = {in_place ? 0 : second}};
            if (type == DataType::fp32)
              expect_the_pools_bits<float>(world(), exchange, 2 * second);
            else
              expect_the_pools_bits<double>(world(), exchange, 2 * second);
          }
        }
}

TEST_F(MpiCollective, ManyMayBeStartedBeforeTheFirstIsWaitedFor) {
  Ring ring(world(), 4096);
  std::vector<Ticket> tickets;
  for (int i = 0; i < 8; ++i) {
    ring.values({64 * i})[0] = static_cast<float>(world().rank() + i);
    tickets.push_back(ring.communicator.start({.what = ExchangeKind::collective,
                                               .collective = Collective::all_reduce,
                                               .type = DataType::fp32,
                                               .elements = 1,
                                               .from = {64 * i},
                                               .to = {64 * i}}));
  }
  ring.communicator.wait(tickets.back());
  for (int i = 0; i < 8; ++i) {
    EXPECT_TRUE(ring.communicator.poll(tickets[static_cast<std::size_t>(i)]));
    const int n = world().ranks();
    EXPECT_EQ(ring.values({64 * i})[0], static_cast<float>(n * (n - 1) / 2 + n * i));
  }
}

}  // namespace
}  // namespace ds::executor
