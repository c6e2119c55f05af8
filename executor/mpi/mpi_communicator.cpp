// Starts, advances and awaits exchanges over MPI.
#include "executor/mpi/mpi_communicator.h"

#include <fmt/format.h>
#include <sched.h>

#include <algorithm>
#include <utility>

#include "executor/clock.h"
#include "executor/pool/group.h"
#include "executor/ticket.h"
#include "simulator/base/error.h"

namespace ds::executor {
namespace {

// Read and written by sums in one look, as over the pool.
constexpr std::int64_t kPollBytes = 256 << 10, kWaitBytes = 64 << 20;
// In vain, before the core is offered to others.
constexpr int kLooks = 100;
// Between two looks the rank may have computed for hours, which says nothing about its peer.
constexpr Seconds kMostBetweenLooks{1};

std::int32_t tag_of(std::int32_t channel, bool message) { return 2 * channel + (message ? 1 : 0); }

}  // namespace

MpiCommunicator::MpiCommunicator(World& world, std::span<std::byte> memory, CommunicatorSpec spec)
    : world_(world),
      memory_(memory),
      spec_(std::move(spec)),
      message_tag_(tag_of(spec_.channel, true)),
      collectives_(world, memory, spec_, tag_of(spec_.channel, false)) {}

std::int32_t MpiCommunicator::rank_of(std::int32_t places) const {
  const auto members = static_cast<std::int32_t>(spec_.ranks.size());
  return spec_.ranks[static_cast<std::size_t>(((spec_.me + places) % members + members) % members)];
}

Ticket MpiCommunicator::start(const Exchange& exchange) {
  check_sound(exchange, static_cast<std::int32_t>(spec_.ranks.size()), spec_.me,
              {static_cast<std::int64_t>(memory_.size())});
  in_vain_ = {};
  const auto bytes = static_cast<std::size_t>(exchange.elements * size_of(exchange.type));
  const auto part = [&](Bytes at) { return memory_.subspan(static_cast<std::size_t>(at.value), bytes); };
  switch (exchange.what) {
    case ExchangeKind::send:
      sends_.add(world_.send(rank_of(spec_.shift), message_tag_, part(exchange.from)));
      return ticket_of(exchange.what, sends_.started);
    case ExchangeKind::receive:
      receives_.add(world_.receive(rank_of(-spec_.shift), message_tag_, part(exchange.to)));
      return ticket_of(exchange.what, receives_.started);
    case ExchangeKind::collective: break;
  }
  return ticket_of(exchange.what, collectives_.start(exchange));
}

bool MpiCommunicator::OpenMessages::progress(World& world) {
  bool moved = false;
  for (; !open.empty() && world.ended(open.front()); ++ended, moved = true) open.pop_front();
  return moved;
}

bool MpiCommunicator::progress(std::int64_t budget) {
  const bool together = collectives_.progress(budget);
  const bool sent = sends_.progress(world_), received = receives_.progress(world_);
  return together || sent || received;
}

bool MpiCommunicator::has_ended(Ticket ticket) const {
  switch (what_of(ticket)) {
    case ExchangeKind::send: return sends_.ended >= number_of(ticket);
    case ExchangeKind::receive: return receives_.ended >= number_of(ticket);
    case ExchangeKind::collective: break;
  }
  return collectives_.ended() >= number_of(ticket);
}

std::int32_t MpiCommunicator::awaited(Ticket ticket) const {
  switch (what_of(ticket)) {
    case ExchangeKind::send: return rank_of(spec_.shift);
    case ExchangeKind::receive: return rank_of(-spec_.shift);
    case ExchangeKind::collective: break;
  }
  return spec_.ranks[static_cast<std::size_t>(collectives_.awaited().value_or(spec_.me))];
}

void MpiCommunicator::check_deadline(Ticket ticket) {
  world_.look_at_peers();
  const std::int64_t now = monotonic_ns();
  const Seconds since{1e-9 * static_cast<double>(now - std::exchange(last_look_ns_, now))};
  in_vain_ += std::min(since, kMostBetweenLooks);
  if (in_vain_ < spec_.deadline) return;
  throw MachineError(fmt::format("rank {} has waited for rank {} for {:.1f} s in vain", world_.rank(),
                                 awaited(ticket), in_vain_.value));
}

bool MpiCommunicator::poll(Ticket ticket) {
  const bool moved = progress(kPollBytes);
  if (has_ended(ticket)) return true;
  if (moved)
    in_vain_ = {};
  else
    check_deadline(ticket);
  return false;
}

void MpiCommunicator::wait(Ticket ticket) {
  last_look_ns_ = monotonic_ns();
  for (int looks = 0;; ++looks) {
    const bool moved = progress(kWaitBytes);
    if (has_ended(ticket)) return;
    if (moved) {
      in_vain_ = {};
      looks = 0;
    } else {
      check_deadline(ticket);
      if (looks > kLooks) ::sched_yield();
    }
  }
}

}  // namespace ds::executor
