#include "executor/pool/group.h"

#include <fmt/format.h>

#include <string>

#include "simulator/base/error.h"

namespace ds::executor {

using collective::Collective;

namespace {

std::string tell(const Exchange& exchange) {
  const std::string what = exchange.what == Exchange::What::collective
                               ? fmt::format("{} by {}", collective::name_of(exchange.collective),
                                             collective::name_of(exchange.algorithm))
                               : std::string("a message");
  return fmt::format("{}, {} x {}", what, exchange.elements, name_of(exchange.type));
}

}  // namespace

void check_same(const PoolGroup& group, const Exchange& mine, std::int32_t member, const Exchange& theirs) {
  const bool collective = mine.what == Exchange::What::collective;
  const bool same =
      mine.type == theirs.type && mine.elements == theirs.elements &&
      (!collective || (mine.collective == theirs.collective && mine.algorithm == theirs.algorithm));
  if (same) return;
  throw MachineError(
      fmt::format("rank {} is at {} where its peer, rank {}, is at {}: they run different programs",
                  group.rank(group.me()), tell(mine), group.rank(member), tell(theirs)));
}

Footprint footprint(const Exchange& exchange, std::int32_t ranks) {
  const std::int64_t whole = exchange.elements * size_of(exchange.type), chunk = whole / ranks;
  switch (exchange.what) {
    case Exchange::What::send: return {.from = whole, .to = 0};
    case Exchange::What::receive: return {.from = 0, .to = whole};
    case Exchange::What::collective: break;
  }
  switch (exchange.collective) {
    case Collective::all_gather: return {.from = chunk, .to = whole};
    case Collective::reduce_scatter: return {.from = whole, .to = chunk};
    case Collective::all_reduce:
    case Collective::broadcast:
    case Collective::shift: break;
  }
  return {.from = whole, .to = whole};
}

}  // namespace ds::executor
