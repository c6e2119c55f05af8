#pragma once
// What the ranks of these tests do: this test program starts itself again, and finds its place in the environment.

#include <sys/types.h>

#include <cstdint>

#include "executor/pool/pool.h"
#include "executor/supervisor/rank_environment.h"

namespace ds::executor {

inline constexpr std::int64_t kArena = 1 << 20;

/// Written by each rank at the start of its arena, for the test to read.
struct RankNote {
  pid_t process;
  std::int32_t cores, blas_threads;
};

/// What a rank delivers.
struct RankResult {
  std::int64_t steps;
  double sum;
};

/// Modes, by the first argument:
///   sum N         N steps, in each an all-reduce whose result goes into the next
///   status R S    like sum without end, but rank R ends with status S in step 20
///   fault R       like sum without end, but rank R writes where it may not in step 20
///   hang R        rank R ends with status 3 at once, the others never
///   pipe D        each rank writes a byte to that descriptor, then stays
/// Returns the status to end with.
int run_rank_body(const RankEnvironment& environment, int count, char** arguments);

/// What every rank has to deliver after so many steps of `sum`.
double expected_sum(std::int32_t ranks, std::int64_t steps);

}  // namespace ds::executor
