#pragma once
// What ranks do together, and the algorithms that do it, as steps of who sends which chunk to whom. The cost model plays
// the steps over a network, the executor sends them, one law tests them all.
//
//   const Steps plan = steps(Collective::all_reduce, Algorithm::ring, 4);
//   for (const Step& step : plan.steps)
//     for (const Transfer& t : step.transfers) ...   // t.from sends chunks [t.first, t.first + t.count) to t.to
//
// Every rank has a buffer of `chunks` equal chunks. all_reduce: all hold the sum of all. reduce_scatter: chunk r of rank
// r holds the sum, the others are spoilt. all_gather: chunk r of rank r is given, all end with all chunks. broadcast:
// rank 0's content is given. shift: rank r's content goes to rank r + 1, the last one's to rank 0.

#include <cstdint>
#include <string_view>
#include <vector>

namespace ds::collective {

/// `all_to_all`, priced, and run over shared memory alone: each rank has a part for each other, the r-th for rank r.
enum class Collective : std::uint8_t { all_reduce, all_gather, reduce_scatter, broadcast, shift, all_to_all };
/// `direct`: everyone with everyone at once, sums in rank order. `ring`: each sends to the next only. `halving_doubling`:
/// partners at halving, then doubling distance, powers of two only. `binomial_tree`: up and down a binomial tree. Of NCCL
/// alone, priced and not run: `double_tree`, the double binary tree that NCCL and job files call tree; `nvls`, sums in the
/// switch of a node; `automatic`, the fastest of ring, double tree and nvls. `grid2d`: rows, columns and rows again of a grid.
/// Priced and not run: `recursive_doubling`, all of the buffer to partners at doubling distance; `bruck`, blocks that go on to
/// ranks at doubling distance; `hierarchical`, inside nodes and between their members of one place.
enum class Algorithm : std::uint8_t {
  direct,
  ring,
  halving_doubling,
  binomial_tree,
  double_tree,
  nvls,
  automatic,
  recursive_doubling,
  bruck,
  grid2d,
  hierarchical
};

/// One message within a step. The receiver overwrites its chunks, or adds: all that is added to one chunk in one step
/// is summed in rank order, the receiver's own content in its place, so that the sum does not depend on arrival.
struct Transfer {
  std::int32_t from{}, to{};
  std::int32_t first{}, count{};  // chunks
  bool add{};
  bool operator==(const Transfer&) const = default;
};

/// Messages that read what the ranks held before the step. But for shift, no rank sends a chunk that it also receives in
/// the same step, so that nothing need be set aside. A rank's next step begins when its own part of this one has
/// ended; there is no barrier.
struct Step {
  std::vector<Transfer> transfers;
};

struct Steps {
  std::int32_t ranks{}, chunks{};
  std::vector<Step> steps;
};

/// Those that have steps.
inline constexpr Collective kCollectives[] = {Collective::all_reduce, Collective::all_gather,
                                              Collective::reduce_scatter, Collective::broadcast,
                                              Collective::shift};
inline constexpr Algorithm kAlgorithms[] = {
    Algorithm::direct,      Algorithm::ring,        Algorithm::halving_doubling,   Algorithm::binomial_tree,
    Algorithm::double_tree, Algorithm::nvls,        Algorithm::recursive_doubling, Algorithm::bruck,
    Algorithm::grid2d,      Algorithm::hierarchical};

/// Whether the catalogue has steps of that algorithm for that collective and number of ranks (at least 1). Every
/// collective has `direct`.
bool has(Collective what, Algorithm algorithm, std::int32_t ranks);

/// Fails (ensure) where `has` is false. No steps for one rank. All of `direct` and `ring` is ranks^2 transfers: for
/// thousands of ranks ask the cost model, which does not list them.
Steps steps(Collective what, Algorithm algorithm, std::int32_t ranks);

/// Ranks in a row of `grid2d`: the largest divisor that is not above the root; 1 of a prime number.
std::int32_t grid_columns(std::int32_t ranks);

/// "all_reduce", "ring", ...: as in job files and reports.
std::string_view name_of(Collective what);
std::string_view name_of(Algorithm algorithm);

}  // namespace ds::collective
