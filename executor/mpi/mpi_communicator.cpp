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

MpiCommunicator::MpiCommunicator(World& world, std::span<std::byte> memory, GroupSeat seat)
    : world_(world),
      memory_(memory),
      seat_(std::move(seat)),
      message_tag_(tag_of(seat_.channel, true)),
      collectives_(world, memory, seat_, tag_of(seat_.channel, false)) {}

std::int32_t MpiCommunicator::rank_of(std::int32_t places) const {
  const auto members = static_cast<std::int32_t>(seat_.ranks.size());
  return seat_.ranks[static_cast<std::size_t>(((seat_.me + places) % members + members) % members)];
}

Ticket MpiCommunicator::start(const Exchange& exchange) {
  check_sound(exchange, static_cast<std::int32_t>(seat_.ranks.size()), seat_.me,
              {static_cast<std::int64_t>(memory_.size())});
  in_vain_ = {};
  const auto bytes = static_cast<std::size_t>(exchange.elements * size_of(exchange.type));
  const auto part = [&](Bytes at) { return memory_.subspan(static_cast<std::size_t>(at.value), bytes); };
  switch (exchange.what) {
    case Exchange::What::send:
      sends_.add(world_.send(rank_of(seat_.shift), message_tag_, part(exchange.from)));
      return ticket_of(exchange.what, sends_.started);
    case Exchange::What::receive:
      receives_.add(world_.receive(rank_of(-seat_.shift), message_tag_, part(exchange.to)));
      return ticket_of(exchange.what, receives_.started);
    case Exchange::What::collective: break;
  }
  return ticket_of(exchange.what, collectives_.start(exchange));
}

bool MpiCommunicator::MessageLine::progress(World& world) {
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
    case Exchange::What::send: return sends_.ended >= number_of(ticket);
    case Exchange::What::receive: return receives_.ended >= number_of(ticket);
    case Exchange::What::collective: break;
  }
  return collectives_.ended() >= number_of(ticket);
}

std::int32_t MpiCommunicator::awaited(Ticket ticket) const {
  switch (what_of(ticket)) {
    case Exchange::What::send: return rank_of(seat_.shift);
    case Exchange::What::receive: return rank_of(-seat_.shift);
    case Exchange::What::collective: break;
  }
  return seat_.ranks[static_cast<std::size_t>(collectives_.awaited().value_or(seat_.me))];
}

void MpiCommunicator::lose_patience(Ticket ticket) {
  const std::int64_t now = monotonic_ns();
  const Seconds since{1e-9 * static_cast<double>(now - std::exchange(last_look_ns_, now))};
  in_vain_ += std::min(since, kMostBetweenLooks);
  if (in_vain_ < seat_.deadline) return;
  throw MachineError(fmt::format("rank {} has waited for rank {} for {:.1f} s in vain", world_.rank(),
                                 awaited(ticket), in_vain_.value));
}

bool MpiCommunicator::poll(Ticket ticket) {
  const bool moved = progress(kPollBytes);
  if (has_ended(ticket)) return true;
  if (moved)
    in_vain_ = {};
  else
    lose_patience(ticket);
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
      lose_patience(ticket);
      if (looks > kLooks) ::sched_yield();
    }
  }
}

}  // namespace ds::executor
