#pragma once
// Ranks as threads of the test, each with its arena of one pool.

#include <cstdint>
#include <exception>
#include <numeric>
#include <span>
#include <thread>
#include <vector>

#include "executor/pool/pool.h"
#include "executor/pool/pool_communicator.h"
#include "simulator/base/random.h"

namespace ds::executor {

inline Pool pool_of(std::int32_t ranks, std::int64_t bytes, std::int32_t channels = 1) {
  return Pool::create({.arenas = std::vector<Bytes>(static_cast<std::size_t>(ranks), Bytes{bytes}),
                       .channels = channels,
                       .mailbox = {4096}});
}

/// Calls body(rank) for all ranks at once; what the first of them throws comes out of here, after all have ended.
template <class Body>
void run_ranks(Pool& pool, Body body) {
  std::vector<std::exception_ptr> thrown(static_cast<std::size_t>(pool.ranks()));
  std::vector<std::jthread> threads;
  for (std::int32_t r = 0; r < pool.ranks(); ++r)
    threads.emplace_back([&, r] {
      try {
        body(r);
      } catch (...) {
        thrown[static_cast<std::size_t>(r)] = std::current_exception();
        pool.declare_dead({.rank = r});
      }
    });
  threads.clear();
  for (const std::exception_ptr& exception : thrown)
    if (exception) std::rethrow_exception(exception);
}

/// A communicator over all ranks of the pool.
inline CommunicatorSpec spec_of_all(const Pool& pool, std::int32_t me, std::int32_t channel = 0) {
  std::vector<std::int32_t> ranks(static_cast<std::size_t>(pool.ranks()));
  std::iota(ranks.begin(), ranks.end(), 0);
  return {.ranks = std::move(ranks), .me = me, .channel = channel};
}

template <class T>
std::span<T> values(const Pool& pool, std::int32_t rank, Bytes at, std::int64_t count) {
  return {reinterpret_cast<T*>(pool.arena(rank).data() + at.value), static_cast<std::size_t>(count)};
}

/// What rank `rank` gives in round `round`. Whole: small numbers whose sums are exact in any order; else any.
enum class Numbers : std::uint8_t { whole, any };
template <class T>
T given(Numbers numbers, std::int32_t rank, std::int64_t i, std::int64_t round = 0) {
  const double u = RandomStream(static_cast<std::uint64_t>(rank), static_cast<std::uint64_t>(round))
                       .uniform(static_cast<std::uint64_t>(i));
  return numbers == Numbers::whole ? static_cast<T>(static_cast<int>(u * 100)) : static_cast<T>(u - 0.5);
}

}  // namespace ds::executor
