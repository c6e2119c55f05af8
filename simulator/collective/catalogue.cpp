// Which algorithms there are for which collective, and what everything is called.
#include <bit>

#include "simulator/base/error.h"
#include "simulator/collective/binomial_tree.h"
#include "simulator/collective/direct.h"
#include "simulator/collective/grid.h"
#include "simulator/collective/halving_doubling.h"
#include "simulator/collective/ring.h"

namespace ds::collective {
namespace {

struct CatalogueEntry {
  Collective what;
  Algorithm algorithm;
  Steps (*steps)(std::int32_t ranks);
};

constexpr CatalogueEntry kCatalogue[] = {
    {Collective::all_reduce, Algorithm::direct, direct_all_reduce},
    {Collective::all_reduce, Algorithm::ring, ring_all_reduce},
    {Collective::all_reduce, Algorithm::halving_doubling, halving_doubling_all_reduce},
    {Collective::all_reduce, Algorithm::binomial_tree, binomial_tree_all_reduce},
    {Collective::all_reduce, Algorithm::grid2d, grid_all_reduce},
    {Collective::all_gather, Algorithm::direct, direct_all_gather},
    {Collective::all_gather, Algorithm::ring, ring_all_gather},
    {Collective::all_gather, Algorithm::halving_doubling, halving_doubling_all_gather},
    {Collective::reduce_scatter, Algorithm::direct, direct_reduce_scatter},
    {Collective::reduce_scatter, Algorithm::ring, ring_reduce_scatter},
    {Collective::reduce_scatter, Algorithm::halving_doubling, halving_doubling_reduce_scatter},
    {Collective::broadcast, Algorithm::direct, direct_broadcast},
    {Collective::broadcast, Algorithm::ring, ring_broadcast},
    {Collective::broadcast, Algorithm::binomial_tree, binomial_tree_broadcast},
    {Collective::shift, Algorithm::direct, shift},
    {Collective::shift, Algorithm::ring, shift},
};

const CatalogueEntry* find(Collective what, Algorithm algorithm, std::int32_t ranks) {
  if (ranks < 1) return nullptr;
  if (algorithm == Algorithm::halving_doubling && !std::has_single_bit(static_cast<std::uint32_t>(ranks)))
    return nullptr;
  for (const CatalogueEntry& entry : kCatalogue)
    if (entry.what == what && entry.algorithm == algorithm) return &entry;
  return nullptr;
}

}  // namespace

bool has(Collective what, Algorithm algorithm, std::int32_t ranks) {
  return find(what, algorithm, ranks) != nullptr;
}

Steps steps(Collective what, Algorithm algorithm, std::int32_t ranks) {
  const CatalogueEntry* entry = find(what, algorithm, ranks);
  ensure(entry != nullptr, "the catalogue has the collective and algorithm for this many ranks");
  if (ranks == 1) return {.ranks = 1, .chunks = 1, .steps = {}};  // alone there is nothing to send
  return entry->steps(ranks);
}

Steps then(Steps first, const Steps& second) {
  ensure(first.ranks == second.ranks && first.chunks == second.chunks, "both halves cut the buffer alike");
  first.steps.insert(first.steps.end(), second.steps.begin(), second.steps.end());
  return first;
}

std::int32_t grid_columns(std::int32_t ranks) {
  std::int32_t columns = 1;
  for (std::int32_t c = 1; c * c <= ranks; ++c)
    if (ranks % c == 0) columns = c;
  return columns;
}

std::string_view name_of(Collective what) {
  switch (what) {
    case Collective::all_reduce: return "all_reduce";
    case Collective::all_gather: return "all_gather";
    case Collective::reduce_scatter: return "reduce_scatter";
    case Collective::broadcast: return "broadcast";
    case Collective::shift: return "shift";
    case Collective::all_to_all: return "all_to_all";
  }
  return "?";
}

std::string_view name_of(Algorithm algorithm) {
  switch (algorithm) {
    case Algorithm::direct: return "direct";
    case Algorithm::ring: return "ring";
    case Algorithm::halving_doubling: return "halving_doubling";
    case Algorithm::binomial_tree: return "binomial_tree";
    case Algorithm::double_tree: return "tree";
    case Algorithm::nvls: return "nvls";
    case Algorithm::automatic: return "auto";
    case Algorithm::recursive_doubling: return "recursive_doubling";
    case Algorithm::bruck: return "bruck";
    case Algorithm::grid2d: return "grid2d";
    case Algorithm::hierarchical: return "hierarchical";
  }
  return "?";
}

}  // namespace ds::collective
