// Checks of what the members of a group ask for, and of the memory that an exchange touches.
#include "executor/pool/group.h"

#include <fmt/format.h>

#include <string>

#include "executor/pool/sum.h"
#include "simulator/base/error.h"

namespace ds::executor {

using collective::Collective;

namespace {

std::string tell(const Exchange& exchange) {
  const std::string what = exchange.what == ExchangeKind::collective
                               ? fmt::format("{} by {}", collective::name_of(exchange.collective),
                                             collective::name_of(exchange.algorithm))
                               : std::string("a message");
  return fmt::format("{}, {} x {}", what, exchange.elements, name_of(exchange.type));
}

}  // namespace

void check_same(const PoolGroup& group, const Exchange& mine, std::int32_t member, const Exchange& theirs) {
  const bool collective = mine.what == ExchangeKind::collective;
  const bool same = mine.type == theirs.type && mine.elements == theirs.elements &&
                    (!collective || (mine.collective == theirs.collective &&
                                     mine.algorithm == theirs.algorithm && mine.heads == theirs.heads));
  if (same) return;
  throw MachineError(
      fmt::format("rank {} is at {} where its peer, rank {}, is at {}: they run different programs",
                  group.rank(group.me()), tell(mine), group.rank(member), tell(theirs)));
}

Footprint footprint(const Exchange& exchange, std::int32_t ranks) {
  const std::int64_t whole = exchange.elements * size_of(exchange.type), chunk = whole / ranks;
  switch (exchange.what) {
    case ExchangeKind::send: return {.from = whole, .to = 0};
    case ExchangeKind::receive: return {.from = 0, .to = whole};
    case ExchangeKind::collective: break;
  }
  switch (exchange.collective) {
    case Collective::all_gather: return {.from = chunk, .to = whole};
    case Collective::reduce_scatter: return {.from = whole, .to = chunk};
    case Collective::all_reduce:
    case Collective::broadcast:
    case Collective::shift:
    case Collective::all_to_all: break;
  }
  return {.from = whole, .to = whole};
}

void check_sound(const Exchange& exchange, std::int32_t ranks, std::int32_t me, Bytes memory) {
  const Footprint touched = footprint(exchange, ranks);
  const auto fits = [&](Bytes at, std::int64_t bytes) {
    return at.value >= 0 && at.value + bytes <= memory.value;
  };
  ensure(fits(exchange.from, touched.from) && fits(exchange.to, touched.to),
         "an exchange lies within the rank's arena");
  if (exchange.what != ExchangeKind::collective) return;
  using enum collective::Collective;
  const bool adds = exchange.collective == all_reduce || exchange.collective == reduce_scatter;
  ensure(!adds || ranks == 1 || can_add(exchange.type), "sums are of fp32 or fp64");
  ensure(!exchange.adds || exchange.algorithm == collective::Algorithm::direct,
         "a reduce_scatter that adds goes by direct");
  const bool chunks = exchange.collective == all_gather || exchange.collective == reduce_scatter ||
                      exchange.collective == all_to_all;
  ensure(!chunks || exchange.elements % ranks == 0, "chunks of a collective are equal");
  const bool apart = exchange.from.value + touched.from <= exchange.to.value ||
                     exchange.to.value + touched.to <= exchange.from.value;
  const std::int64_t chunk = me * (exchange.elements / ranks) * size_of(exchange.type);
  std::int64_t in_place = exchange.from.value;
  if (exchange.collective == reduce_scatter) in_place += chunk;
  if (exchange.collective == all_gather) in_place -= chunk;
  const bool alone = (exchange.collective != shift && exchange.collective != all_to_all) || ranks == 1;
  ensure(apart || (alone && exchange.to.value == in_place),
         "from and to of a collective are apart, or in place; of a shift or an all_to_all they are apart");
}

}  // namespace ds::executor
