// Shows a sign of life, looks for that of a peer, and lets ranks agree on their program and on when to stop.
#include "executor/pool/heartbeat.h"

#include <fmt/format.h>

#include <algorithm>
#include <string>

#include "executor/clock.h"
#include "executor/pool/backoff.h"
#include "executor/pool/shared.h"
#include "simulator/base/error.h"

namespace ds::executor {

void show_heartbeat(const Pool& pool, std::int32_t rank) {
  pool.block(rank).alive_ns.store(monotonic_ns(), std::memory_order_relaxed);
}

void check_heartbeat(const Pool& pool, std::int32_t me, std::int32_t peer, Seconds deadline) {
  if (const std::optional<Death> death = pool.death())
    throw MachineError(fmt::format("{} {}; rank {} waited for rank {}", tell(*death),
                                   tell(pool.status(death->rank)), me, peer));
  // A peer that waits hands on the life that it sees, so that a long chain of waits behind one busy rank is no
  // standstill; around a circle of waits the time does not rise.
  shared::RankBlock& own = pool.block(me);
  const shared::RankBlock& other = pool.block(peer);
  const std::int64_t alive =
      std::max(own.alive_ns.load(std::memory_order_relaxed), other.alive_ns.load(std::memory_order_relaxed));
  own.alive_ns.store(alive, std::memory_order_relaxed);
  own.waits_for.store(peer, std::memory_order_relaxed);
  const double silent = 1e-9 * static_cast<double>(monotonic_ns() - alive);
  if (silent < deadline.value) return;
  const std::int32_t further = other.waits_for.load(std::memory_order_relaxed);
  const std::string where = further < 0 ? "" : fmt::format(", where it last waited for rank {}", further);
  throw MachineError(fmt::format("rank {} has not moved for {:.1f} s, {}{}; rank {} waited for it", peer,
                                 silent, tell(pool.status(peer)), where, me));
}

void agree_on_program(const Pool& pool, std::int32_t me, std::uint64_t hash, Seconds deadline) {
  pool.block(me).program_hash.store(hash);
  pool.block(me).announced.store(1);
  show_heartbeat(pool, me);
  for (std::int32_t r = 0; r < pool.ranks(); ++r) pool.ring(r);
  Backoff backoff(pool, me);
  for (std::int32_t r = 0; r < pool.ranks(); ++r) {
    for (; pool.block(r).announced.load() == 0; backoff.pause()) check_heartbeat(pool, me, r, deadline);
    const std::uint64_t theirs = pool.block(r).program_hash.load();
    if (theirs != hash)
      throw MachineError(fmt::format("rank {} has lowered program {:016x} and rank {} program {:016x}", me,
                                     hash, r, theirs));
  }
}

std::int64_t follow_first(Pool& pool, std::int32_t me, Question question, std::int64_t number,
                          Seconds deadline) {
  if (me == 0) pool.decide(number, question);
  Backoff backoff(pool, me);
  for (;; backoff.pause()) {
    if (const auto decision = pool.decision(question)) return *decision;
    check_heartbeat(pool, me, 0, deadline);
  }
}

}  // namespace ds::executor
