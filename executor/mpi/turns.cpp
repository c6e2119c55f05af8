#include "executor/mpi/turns.h"

#include <algorithm>

#include "executor/pool/rounds.h"
#include "simulator/base/error.h"

namespace ds::executor {
namespace {

Place own(const Part& part) {
  return {part.side == Part::Side::from ? Place::Where::from : Place::Where::to, part.first};
}

/// Where the sum stands that other members get: its maker keeps one as well.
const Part& kept(const Piece& piece, std::int32_t maker) {
  const auto found = std::ranges::find(piece.destinations, maker, &Part::member);
  ensure(found != piece.destinations.end(), "who adds keeps the sum");
  return *found;
}

class Builder {
 public:
  Builder(std::int32_t me, Turns& all) : me_(me), all_(all) {}

  void add_round(const std::vector<const Round*>& of_members) {
    Turn gather, spread;
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
    for (Turn* turn : {&gather, &spread})
      if (!turn->sends.empty() || !turn->receives.empty() || !turn->additions.empty())
        all_.turns.push_back(std::move(*turn));
  }

 private:
  void add_mine(const Piece& piece, Turn& gather, Turn& spread) {
    const Place result = own(kept(piece, me_));
    // A copy goes to where it belongs; what is added waits aside for the others.
    const bool copy = piece.sources.size() == 1 && piece.sources[0].member != me_;
    Addition addition{.sources = {}, .destination = result, .elements = piece.elements};
    for (const Part& source : piece.sources) {
      if (source.member == me_) {
        addition.sources.push_back(own(source));
        continue;
      }
      const Place place = copy ? result : Place{Place::Where::aside, aside_};
      if (!copy) aside_ += piece.elements;
      gather.receives.push_back({source.member, place, piece.elements});
      addition.sources.push_back(place);
    }
    if (!copy) gather.additions.push_back(std::move(addition));
    for (const Part& destination : piece.destinations)
      if (destination.member != me_) spread.sends.push_back({destination.member, result, piece.elements});
  }

  void add_theirs(const Piece& piece, std::int32_t maker, Turn& gather, Turn& spread) const {
    for (const Part& source : piece.sources)
      if (source.member == me_) gather.sends.push_back({maker, own(source), piece.elements});
    for (const Part& destination : piece.destinations)
      if (destination.member == me_) spread.receives.push_back({maker, own(destination), piece.elements});
  }

  std::int32_t me_;
  Turns& all_;
  std::int64_t aside_{0};
};

}  // namespace

Turns turns_of(const Exchange& exchange, std::int32_t ranks, std::int32_t me) {
  std::vector<std::vector<Round>> rounds;
  for (std::int32_t m = 0; m < ranks; ++m) rounds.push_back(rounds_of_member(exchange, ranks, m));
  Turns all;
  Builder builder(me, all);
  for (std::size_t r = 0; r < rounds.front().size(); ++r) {
    std::vector<const Round*> of_members;
    for (const std::vector<Round>& member : rounds) of_members.push_back(&member[r]);
    builder.add_round(of_members);
  }
  return all;
}

}  // namespace ds::executor
