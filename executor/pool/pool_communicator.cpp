#include "executor/pool/pool_communicator.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "executor/clock.h"
#include "executor/pool/patience.h"
#include "executor/pool/sum.h"
#include "simulator/base/error.h"

namespace ds::executor {
namespace {

// Between two signs of life: some 10 ms.
constexpr std::int64_t kWaitBytes = 64 << 20;

// A ticket is the exchange's kind and its number among those of its kind.
constexpr int kNumberBits = 62;

Ticket ticket_of(Exchange::What what, std::uint64_t number) {
  return static_cast<Ticket>(static_cast<std::uint64_t>(what) << kNumberBits | number);
}
Exchange::What what_of(Ticket ticket) {
  return static_cast<Exchange::What>(static_cast<std::uint64_t>(ticket) >> kNumberBits);
}
std::uint64_t number_of(Ticket ticket) {
  return static_cast<std::uint64_t>(ticket) & ((std::uint64_t{1} << kNumberBits) - 1);
}

void check(const PoolGroup& group, const Exchange& exchange) {
  const std::int32_t ranks = group.size();
  const Footprint touched = footprint(exchange, ranks);
  const auto memory = static_cast<std::int64_t>(group.pool().arena(group.rank(group.me())).size());
  const auto fits = [&](Bytes at, std::int64_t bytes) { return at.value >= 0 && at.value + bytes <= memory; };
  ensure(fits(exchange.from, touched.from) && fits(exchange.to, touched.to),
         "an exchange lies within the rank's arena");
  if (exchange.what != Exchange::What::collective) return;
  using enum collective::Collective;
  const bool adds = exchange.collective == all_reduce || exchange.collective == reduce_scatter;
  ensure(!adds || ranks == 1 || can_add(exchange.type), "sums are of fp32 or fp64");
  const bool chunks = exchange.collective == all_gather || exchange.collective == reduce_scatter;
  ensure(!chunks || exchange.elements % ranks == 0, "chunks of all_gather and reduce_scatter are equal");
  const bool apart = exchange.from.value + touched.from <= exchange.to.value ||
                     exchange.to.value + touched.to <= exchange.from.value;
  const std::int64_t chunk = group.me() * (exchange.elements / ranks) * size_of(exchange.type);
  std::int64_t in_place = exchange.from.value;
  if (exchange.collective == reduce_scatter) in_place += chunk;
  if (exchange.collective == all_gather) in_place -= chunk;
  const bool alone = exchange.collective != shift || ranks == 1;
  ensure(apart || (alone && exchange.to.value == in_place),
         "from and to of a collective are apart, or in place; of a shift they are apart");
}

}  // namespace

PoolCommunicator::PoolCommunicator(Pool& pool, PoolSeat seat)
    : group_(pool, std::move(seat.ranks), seat.me, seat.channel),
      deadline_(seat.deadline),
      collectives_(group_),
      messages_(group_, seat.shift) {
  ensure(seat.me >= 0 && seat.me < group_.size(), "a rank is a member of its group");
}

Ticket PoolCommunicator::start(const Exchange& exchange) {
  check(group_, exchange);
  group_.pool().block(group_.rank(group_.me())).waits_for.store(-1, std::memory_order_relaxed);
  show_life();
  switch (exchange.what) {
    case Exchange::What::send: return ticket_of(exchange.what, messages_.send(exchange));
    case Exchange::What::receive: return ticket_of(exchange.what, messages_.receive(exchange));
    case Exchange::What::collective: break;
  }
  return ticket_of(exchange.what, collectives_.start(exchange));
}

bool PoolCommunicator::has_ended(Ticket ticket) const {
  switch (what_of(ticket)) {
    case Exchange::What::send: return messages_.ended_sends() >= number_of(ticket);
    case Exchange::What::receive: return messages_.ended_receives() >= number_of(ticket);
    case Exchange::What::collective: break;
  }
  return collectives_.ended() >= number_of(ticket);
}

void PoolCommunicator::show_life() {
  group_.pool().block(group_.rank(group_.me())).alive_ns.store(monotonic_ns(), std::memory_order_relaxed);
}

bool PoolCommunicator::progress(std::int64_t budget) {
  const bool together = collectives_.progress(budget), one_by_one = messages_.progress(budget);
  return together || one_by_one;
}

bool PoolCommunicator::poll(Ticket ticket) {
  const bool moved = progress(kPollBytes);
  if (has_ended(ticket)) return true;
  if (moved)
    show_life();
  else
    look_at_peers(ticket);
  return false;
}

void PoolCommunicator::wait(Ticket ticket) {
  Patience patience(group_.pool(), group_.rank(group_.me()));
  for (;;) {
    const bool moved = progress(kWaitBytes);
    if (has_ended(ticket)) return;
    if (moved) {
      show_life();
      patience.reset();
    } else {
      look_at_peers(ticket);
      patience.pause();
    }
  }
}

std::int32_t PoolCommunicator::awaited(Ticket ticket) const {
  switch (what_of(ticket)) {
    case Exchange::What::send: return messages_.to();
    case Exchange::What::receive: return messages_.from();
    case Exchange::What::collective: break;
  }
  return collectives_.awaited().value_or(group_.me());
}

void PoolCommunicator::look_at_peers(Ticket ticket) {
  const Pool& pool = group_.pool();
  const std::int32_t me = group_.rank(group_.me()), peer = group_.rank(awaited(ticket));
  if (const std::optional<Death> death = pool.death())
    throw MachineError(fmt::format("{} {}; rank {} waited for rank {}", tell(*death),
                                   tell(pool.doing(death->rank)), me, peer));
  // A peer that waits hands on the progress that it sees, so that a long chain of waits behind one busy rank is no
  // standstill; around a circle of waits the time does not rise.
  shared::RankBlock& own = pool.block(me);
  const shared::RankBlock& other = pool.block(peer);
  const std::int64_t alive =
      std::max(own.alive_ns.load(std::memory_order_relaxed), other.alive_ns.load(std::memory_order_relaxed));
  own.alive_ns.store(alive, std::memory_order_relaxed);
  own.waits_for.store(peer, std::memory_order_relaxed);
  const double silent = 1e-9 * static_cast<double>(monotonic_ns() - alive);
  if (silent < deadline_.value) return;
  const std::int32_t further = other.waits_for.load(std::memory_order_relaxed);
  throw MachineError(fmt::format(
      "rank {} has not moved for {:.1f} s, {}{}; rank {} waited for it", peer, silent, tell(pool.doing(peer)),
      further < 0 ? "" : fmt::format(", where it last waited for rank {}", further), me));
}

}  // namespace ds::executor
