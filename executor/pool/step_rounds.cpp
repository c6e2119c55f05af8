// A rank's rounds for a collective that goes by the steps of the catalogue.
#include <algorithm>

#include "executor/pool/rounds.h"
#include "simulator/base/error.h"

namespace ds::executor {

using collective::Collective;
using collective::Step;
using collective::Steps;
using collective::Transfer;
using Side = MemoryPart::Side;

namespace {

/// What a rank does with one chunk in one step; `from` in rank order, itself among them where it adds.
struct Received {
  std::vector<std::int32_t> from;
  bool operator==(const Received&) const = default;
};

void note(std::vector<std::int32_t>& members, std::int32_t member) {
  if (!std::ranges::count(members, member)) members.push_back(member);
}

/// Chunks from `first` to before `last`, which all come from the same ranks.
Piece piece_of(const Exchange& exchange, std::int32_t chunks, std::int32_t me, std::int32_t first,
               std::int32_t last, const Received& received) {
  // shift reads what was given, so that nothing need be set aside; all others work in one buffer.
  const bool shift = exchange.collective == Collective::shift;
  const Side source = shift || exchange.collective == Collective::reduce_scatter ? Side::from : Side::to;
  const Side target = exchange.collective == Collective::reduce_scatter ? Side::from : Side::to;
  const std::int64_t begin = cut(exchange.elements, chunks, first, exchange.type).first;
  const Extent end = cut(exchange.elements, chunks, last - 1, exchange.type);
  Piece piece{.destinations = {{me, target, begin}}, .elements = end.first + end.count - begin};
  for (const std::int32_t from : received.from) piece.sources.push_back({from, source, begin});
  return piece;
}

Round round_of(const Exchange& exchange, const Step& step, std::int32_t chunks, std::int32_t me) {
  Round round;
  std::vector<Received> received(static_cast<std::size_t>(chunks));
  for (const Transfer& transfer : step.transfers) {
    if (transfer.from == me) note(round.after, transfer.to);
    if (transfer.to != me) continue;
    note(round.before, transfer.from);
    for (std::int32_t c = transfer.first; c < transfer.first + transfer.count; ++c) {
      std::vector<std::int32_t>& from = received[static_cast<std::size_t>(c)].from;
      if (transfer.add) note(from, me);
      from.push_back(transfer.from);
    }
  }
  for (Received& chunk : received) std::ranges::sort(chunk.from);
  for (std::int32_t first = 0, last = 0; first < chunks; first = last) {
    const Received& same = received[static_cast<std::size_t>(first)];
    while (last < chunks && received[static_cast<std::size_t>(last)] == same) ++last;
    if (!same.from.empty()) round.pieces.push_back(piece_of(exchange, chunks, me, first, last, same));
  }
  return round;
}

/// A rank's own copy from `from` to `to`.
Round own(std::int32_t me, std::int64_t from, std::int64_t to, std::int64_t elements) {
  return {
      .pieces = {
          {.sources = {{me, Side::from, from}}, .destinations = {{me, Side::to, to}}, .elements = elements}}};
}

}  // namespace

std::vector<Round> step_rounds(const Exchange& exchange, const Steps& steps, std::int32_t me) {
  std::vector<Round> rounds;
  const std::int64_t chunk = exchange.elements / steps.ranks;
  // Rounds of one rank's own are free where it works in place.
  switch (exchange.collective) {
    case Collective::all_reduce: rounds.push_back(own(me, 0, 0, exchange.elements)); break;
    case Collective::all_gather: rounds.push_back(own(me, 0, chunk * me, chunk)); break;
    case Collective::broadcast: rounds.push_back(own(me, 0, 0, me == 0 ? exchange.elements : 0)); break;
    case Collective::reduce_scatter:
    case Collective::shift:
    case Collective::all_to_all: rounds.emplace_back(); break;
  }
  for (const Step& step : steps.steps) rounds.push_back(round_of(exchange, step, steps.chunks, me));
  if (exchange.collective == Collective::reduce_scatter) rounds.push_back(own(me, chunk * me, 0, chunk));
  if (exchange.collective == Collective::shift && steps.steps.empty())
    rounds.push_back(own(me, 0, 0, exchange.elements));  // alone, and its own neighbour
  return rounds;
}

std::vector<Round> rounds_of_member(const Exchange& exchange, std::int32_t ranks, std::int32_t me) {
  if (exchange.algorithm == collective::Algorithm::direct) return direct_rounds(exchange, ranks, me);
  return step_rounds(exchange, collective::steps(exchange.collective, exchange.algorithm, ranks), me);
}

}  // namespace ds::executor
