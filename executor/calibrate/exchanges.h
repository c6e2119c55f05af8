#pragma once
// Measures what ranks take to communicate over the pool, nothing else running.

#include <cstdint>
#include <vector>

#include "executor/calibrate/calibrate.h"
#include "executor/communicator.h"
#include "executor/pool/pool.h"

namespace ds::executor {

/// A collective over all ranks of the pool, or a message between two.
struct ExchangeOp {
  bool message{};
  collective::Collective what{};
  std::int32_t ranks{};
  Bytes bytes;  // of the whole
  bool operator==(const ExchangeOp&) const = default;
};

struct ExchangeTime {
  ExchangeOp op;
  double seconds{};  // median over the rounds
  double sigma{};    // relative: median absolute deviation x 1.4826
};

/// What programs do on that many ranks, from 64 B to 64 MiB.
std::vector<ExchangeOp> exchange_grid(std::int32_t ranks);
/// The arena of a rank that measures them.
Bytes exchange_arena();

/// Every rank of the pool calls it, with the same list. Rounds over the list, in each the best of some batches by the
/// clock: whoever is interrupted holds up the others. Nothing where the ranks are asked to stop. Throws as Communicator.
std::vector<ExchangeTime> measure_exchanges(Pool& pool, std::int32_t rank,
                                            const std::vector<ExchangeOp>& list, int rounds,
                                            const Progress& progress);

}  // namespace ds::executor
