#include "executor/pool/pool_communicator.h"

#include <algorithm>
#include <utility>

#include "executor/pool/life.h"
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
      me_(group_.rank(seat.me)),
      deadline_(seat.deadline),
      collectives_(group_),
      messages_(group_, seat.shift) {}

Ticket PoolCommunicator::start(const Exchange& exchange) {
  check(group_, exchange);
  group_.pool().block(me_).waits_for.store(-1, std::memory_order_relaxed);
  show_life(group_.pool(), me_);
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

bool PoolCommunicator::progress(std::int64_t budget) {
  const bool together = collectives_.progress(budget), one_by_one = messages_.progress(budget);
  return together || one_by_one;
}

bool PoolCommunicator::poll(Ticket ticket) {
  const bool moved = progress(kPollBytes);
  if (has_ended(ticket)) return true;
  if (moved)
    show_life(group_.pool(), me_);
  else
    check_life(group_.pool(), me_, awaited(ticket), deadline_);
  return false;
}

void PoolCommunicator::wait(Ticket ticket) {
  Patience patience(group_.pool(), me_);
  for (;;) {
    const bool moved = progress(kWaitBytes);
    if (has_ended(ticket)) return;
    if (moved) {
      show_life(group_.pool(), me_);
      patience.reset();
    } else {
      check_life(group_.pool(), me_, awaited(ticket), deadline_);
      patience.pause();
    }
  }
}

std::int32_t PoolCommunicator::awaited(Ticket ticket) const {
  switch (what_of(ticket)) {
    case Exchange::What::send: return group_.rank(messages_.to());
    case Exchange::What::receive: return group_.rank(messages_.from());
    case Exchange::What::collective: break;
  }
  return group_.rank(collectives_.awaited().value_or(group_.me()));
}

}  // namespace ds::executor
