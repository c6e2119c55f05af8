// A rank's one round for a collective by `direct`: what it reads of its peers' memory, and where it puts it.
#include <algorithm>

#include "executor/pool/rounds.h"
#include "simulator/base/error.h"

namespace ds::executor {

using collective::Collective;
using Side = MemoryPart::Side;

Extent cut(std::int64_t elements, std::int32_t parts, std::int32_t index, DataType type) {
  std::int64_t each = ceil_div(elements, parts);
  // No two ranks write to one cache line.
  if (elements % parts != 0) each = round_up(each, 64 / size_of(type));
  const std::int64_t first = std::min(elements, each * index);
  return {.first = first, .count = std::min(each, elements - first)};
}

namespace {

std::vector<MemoryPart> of_all(std::int32_t ranks, Side side, std::int64_t first) {
  std::vector<MemoryPart> parts;
  for (std::int32_t r = 0; r < ranks; ++r) parts.push_back({.member = r, .side = side, .first = first});
  return parts;
}

}  // namespace

std::vector<Round> direct_rounds(const Exchange& exchange, std::int32_t ranks, std::int32_t me) {
  Round round;
  const auto meet = [&](std::int32_t peer) {
    if (peer == me) return;
    round.before.push_back(peer), round.after.push_back(peer);
  };
  const std::int64_t chunk = exchange.elements / ranks;
  switch (exchange.collective) {
    case Collective::all_reduce: {
      const Extent share = cut(exchange.elements, ranks, me, exchange.type);
      for (std::int32_t r = 0; r < ranks; ++r) meet(r);
      round.pieces.push_back({.sources = of_all(ranks, Side::from, share.first),
                              .destinations = of_all(ranks, Side::to, share.first),
                              .elements = share.count});
      break;
    }
    case Collective::reduce_scatter:
      for (std::int32_t r = 0; r < ranks; ++r) meet(r);
      round.pieces.push_back({.sources = of_all(ranks, Side::from, chunk * me),
                              .destinations = {{me, Side::to, 0}},
                              .elements = chunk});
      if (exchange.adds) round.pieces.back().sources.push_back({me, Side::to, 0});
      break;
    case Collective::all_gather:
      // Each rank begins at its own chunk, so that not all of them read the same memory at once.
      for (std::int32_t i = 0; i < ranks; ++i) {
        const std::int32_t r = (me + i) % ranks;
        meet(r);
        round.pieces.push_back({.sources = {{r, Side::from, 0}},
                                .destinations = {{me, Side::to, chunk * r}},
                                .elements = chunk});
      }
      break;
    case Collective::broadcast:
      if (me != 0) round.before = {0};
      if (me == 0)
        for (std::int32_t r = 1; r < ranks; ++r) round.after.push_back(r);
      round.pieces.push_back({.sources = {{0, Side::from, 0}},
                              .destinations = {{me, Side::to, 0}},
                              .elements = exchange.elements});
      break;
    case Collective::shift: {
      const std::int32_t last = (me + ranks - 1) % ranks, next = (me + 1) % ranks;
      if (last != me) round.before = {last}, round.after = {next};
      round.pieces.push_back({.sources = {{last, Side::from, 0}},
                              .destinations = {{me, Side::to, 0}},
                              .elements = exchange.elements});
      break;
    }
    case Collective::all_to_all: {
      for (std::int32_t r = 0; r < ranks; ++r) meet(r);
      const auto read = [&](const ops::Stretch& s) {
        round.pieces.push_back({.sources = {{s.peer, Side::from, s.from}},
                                .destinations = {{me, Side::to, s.to}},
                                .elements = s.elements});
      };
      if (exchange.heads.sequences > 0)
        for (const ops::Stretch& s : ops::stretches(exchange.heads, exchange.elements, ranks, me)) read(s);
      else
        for (std::int32_t r = 0; r < ranks; ++r) read({r, chunk * me, chunk * r, chunk});
      break;
    }
  }
  return {round};
}

}  // namespace ds::executor
