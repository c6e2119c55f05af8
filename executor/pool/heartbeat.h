#pragma once
// Signs of life, and what a rank does while it waits for a peer that gives none.

#include <cstdint>

#include "executor/pool/pool.h"

namespace ds::executor {

void show_heartbeat(const Pool& pool, std::int32_t rank);

/// For a rank that looks for something of a peer's and does not find it. Throws MachineError when any rank has died, and
/// when the peer has not moved for `deadline`: it names the rank and what it was doing.
void check_heartbeat(const Pool& pool, std::int32_t me, std::int32_t peer, Seconds deadline);

/// Every rank calls it before the first step: announces the hash of the program it lowered and waits for all others'.
/// Throws MachineError where they differ, and as check_heartbeat.
void agree_on_program(const Pool& pool, std::int32_t me, std::uint64_t hash, Seconds deadline);

/// Rank 0's number, for all: it decides, the others wait. Throws as check_heartbeat.
std::int64_t follow_first(Pool& pool, std::int32_t me, Question question, std::int64_t number,
                          Seconds deadline);

}  // namespace ds::executor
