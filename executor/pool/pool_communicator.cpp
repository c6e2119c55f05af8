// Starts, advances and awaits exchanges over the pool; a rank's collectives and messages advance together.
#include "executor/pool/pool_communicator.h"

#include <algorithm>
#include <utility>

#include "executor/pool/backoff.h"
#include "executor/pool/heartbeat.h"
#include "executor/ticket.h"

namespace ds::executor {
namespace {

// Between two signs of life: some 10 ms.
constexpr std::int64_t kWaitBytes = 64 << 20;

}  // namespace

PoolCommunicator::PoolCommunicator(Pool& pool, CommunicatorSpec spec)
    : group_(pool, std::move(spec.ranks), spec.me, spec.channel),
      me_(group_.rank(spec.me)),
      deadline_(spec.deadline),
      collectives_(group_),
      messages_(group_, spec.shift) {}

Ticket PoolCommunicator::start(const Exchange& exchange) {
  check_sound(exchange, group_.size(), group_.me(),
              {static_cast<std::int64_t>(group_.pool().arena(me_).size())});
  group_.pool().block(me_).waits_for.store(-1, std::memory_order_relaxed);
  show_heartbeat(group_.pool(), me_);
  switch (exchange.what) {
    case ExchangeKind::send: return ticket_of(exchange.what, messages_.send(exchange));
    case ExchangeKind::receive: return ticket_of(exchange.what, messages_.receive(exchange));
    case ExchangeKind::collective: break;
  }
  return ticket_of(exchange.what, collectives_.start(exchange));
}

bool PoolCommunicator::has_ended(Ticket ticket) const {
  switch (what_of(ticket)) {
    case ExchangeKind::send: return messages_.ended_sends() >= number_of(ticket);
    case ExchangeKind::receive: return messages_.ended_receives() >= number_of(ticket);
    case ExchangeKind::collective: break;
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
    show_heartbeat(group_.pool(), me_);
  else
    check_heartbeat(group_.pool(), me_, awaited(ticket), deadline_);
  return false;
}

void PoolCommunicator::wait(Ticket ticket) {
  Backoff backoff(group_.pool(), me_);
  for (;;) {
    const bool moved = progress(kWaitBytes);
    if (has_ended(ticket)) return;
    if (moved) {
      show_heartbeat(group_.pool(), me_);
      backoff.reset();
    } else {
      check_heartbeat(group_.pool(), me_, awaited(ticket), deadline_);
      backoff.pause();
    }
  }
}

std::int32_t PoolCommunicator::awaited(Ticket ticket) const {
  switch (what_of(ticket)) {
    case ExchangeKind::send: return group_.rank(messages_.to());
    case ExchangeKind::receive: return group_.rank(messages_.from());
    case ExchangeKind::collective: break;
  }
  return group_.rank(collectives_.awaited().value_or(group_.me()));
}

}  // namespace ds::executor
