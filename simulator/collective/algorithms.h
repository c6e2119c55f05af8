#pragma once
// The algorithms behind the catalogue, one file each. Every function is for at least two ranks (halving and doubling: a
// power of two) and returns the steps in order; ranks and chunks as collective.h has them.

#include "simulator/collective/collective.h"

namespace ds::collective {

/// Everyone sends to everyone at once: one step of n - 1 messages a rank, two for all_reduce.
Steps direct_all_reduce(std::int32_t ranks);
Steps direct_all_gather(std::int32_t ranks);
Steps direct_reduce_scatter(std::int32_t ranks);
Steps direct_broadcast(std::int32_t ranks);

/// Each sends to the next only: n - 1 steps of one of n chunks, all_reduce 2 (n - 1). Source: Patarasuk and Yuan,
/// "Bandwidth optimal all-reduce algorithms for clusters of workstations", 2009.
Steps ring_all_reduce(std::int32_t ranks);
Steps ring_all_gather(std::int32_t ranks);
Steps ring_reduce_scatter(std::int32_t ranks);
/// A chain from rank 0 on, chunk behind chunk: 2 (n - 1) steps.
Steps ring_broadcast(std::int32_t ranks);
/// One step: everything to the next. The same under `direct`.
Steps shift(std::int32_t ranks);

/// Recursive halving and doubling: log2 n steps, all_reduce twice that. Source: Thakur, Rabenseifner and Gropp,
/// "Optimization of collective communication operations in MPICH", 2005.
Steps halving_doubling_all_reduce(std::int32_t ranks);
Steps halving_doubling_all_gather(std::int32_t ranks);
Steps halving_doubling_reduce_scatter(std::int32_t ranks);

/// Up a binomial tree to rank 0 and down again, the whole buffer in each of the 2 ceil(log2 n) steps.
Steps tree_all_reduce(std::int32_t ranks);
Steps tree_broadcast(std::int32_t ranks);

/// `second` behind `first`; both of the same ranks and chunks.
Steps then(Steps first, const Steps& second);

}  // namespace ds::collective
