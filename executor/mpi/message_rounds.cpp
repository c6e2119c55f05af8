// Reads the rounds of the pool as messages: who has to send which part to whom, and where it is kept.
#include "executor/mpi/message_rounds.h"

#include <algorithm>

#include "executor/pool/rounds.h"
#include "simulator/base/error.h"

namespace ds::executor {
namespace {

Location own(const MemoryPart& part) {
  return {part.side == MemoryPart::Side::from ? Location::Where::from : Location::Where::to, part.first};
}

/// Where the sum stands that other members get: its maker keeps one as well.
const MemoryPart& kept(const Piece& piece, std::int32_t maker) {
  const auto found = std::ranges::find(piece.destinations, maker, &MemoryPart::member);
  ensure(found != piece.destinations.end(), "who adds keeps the sum");
  return *found;
}

class RoundBuilder {
 public:
  RoundBuilder(std::int32_t me, MessageRounds& all) : me_(me), all_(all) {}

  void add_round(const std::vector<const Round*>& of_members) {
    MessageRound gather, spread;
    aside_ = 0;
    for (std::size_t m = 0; m < of_members.size(); ++m)
      for (const Piece& piece : of_members[m]->pieces) {
        const auto maker = static_cast<std::int32_t>(m);
        if (piece.elements == 0) continue;
        if (maker == me_)
          add_mine(piece, gather, spread);
        else
          add_theirs(piece, maker, gather, spread);
      }
    all_.aside = std::max(all_.aside, aside_);
    for (MessageRound* round : {&gather, &spread})
      if (!round->sends.empty() || !round->receives.empty() || !round->additions.empty())
        all_.rounds.push_back(std::move(*round));
  }

 private:
  void add_mine(const Piece& piece, MessageRound& gather, MessageRound& spread) {
    const Location result = own(kept(piece, me_));
    // A copy goes to where it belongs; what is added waits aside for the others.
    const bool copy = piece.sources.size() == 1 && piece.sources[0].member != me_;
    Addition addition{.sources = {}, .destination = result, .elements = piece.elements};
    for (const MemoryPart& source : piece.sources) {
      if (source.member == me_) {
        addition.sources.push_back(own(source));
        continue;
      }
      const Location place = copy ? result : Location{Location::Where::aside, aside_};
      if (!copy) aside_ += piece.elements;
      gather.receives.push_back({source.member, place, piece.elements});
      addition.sources.push_back(place);
    }
    if (!copy) gather.additions.push_back(std::move(addition));
    for (const MemoryPart& destination : piece.destinations)
      if (destination.member != me_) spread.sends.push_back({destination.member, result, piece.elements});
  }

  void add_theirs(const Piece& piece, std::int32_t maker, MessageRound& gather, MessageRound& spread) const {
    for (const MemoryPart& source : piece.sources)
      if (source.member == me_) gather.sends.push_back({maker, own(source), piece.elements});
    for (const MemoryPart& destination : piece.destinations)
      if (destination.member == me_) spread.receives.push_back({maker, own(destination), piece.elements});
  }

  std::int32_t me_;
  MessageRounds& all_;
  std::int64_t aside_{0};
};

}  // namespace

MessageRounds message_rounds_of(const Exchange& exchange, std::int32_t ranks, std::int32_t me) {
  std::vector<std::vector<Round>> rounds;
  for (std::int32_t m = 0; m < ranks; ++m) rounds.push_back(rounds_of_member(exchange, ranks, m));
  MessageRounds all;
  RoundBuilder builder(me, all);
  for (std::size_t r = 0; r < rounds.front().size(); ++r) {
    std::vector<const Round*> of_members;
    for (const std::vector<Round>& member : rounds) of_members.push_back(&member[r]);
    builder.add_round(of_members);
  }
  return all;
}

}  // namespace ds::executor
