// MessageRounds without MPI: every message has its other end, and together they do what the collective says.
#include "executor/mpi/message_rounds.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <deque>
#include <map>

#include "executor/pool/sum.h"
#include "simulator/collective/collective.h"

namespace ds::executor {
namespace {

using collective::Algorithm;
using collective::Collective;

/// Plays the rounds of all ranks, each as far as the messages allow, on whole numbers.
class Play {
 public:
  Play(const Exchange& exchange, std::int32_t ranks) : ranks_(ranks) {
    for (std::int32_t r = 0; r < ranks; ++r) {
      all_.push_back(message_rounds_of(exchange, ranks, r));
      const auto elements = static_cast<std::size_t>(exchange.elements);
      memory_.push_back({std::vector<double>(elements), std::vector<double>(elements, -1),
                         std::vector<double>(static_cast<std::size_t>(all_.back().aside))});
      for (std::size_t i = 0; i < elements; ++i)
        memory_.back()[0][i] = static_cast<double>(1000 * r) + static_cast<double>(i);
    }
  }

  /// Returns whether all came to their end and no message was left over.
  bool run() {
    std::vector<std::size_t> at(all_.size(), 0);
    std::vector<bool> sent(all_.size(), false);
    for (bool moved = true; moved;) {
      moved = false;
      for (std::size_t r = 0; r < all_.size(); ++r) {
        if (at[r] == all_[r].rounds.size()) continue;
        const MessageRound& round = all_[r].rounds[at[r]];
        if (!sent[r]) send(r, round);
        moved = moved || !sent[r];
        sent[r] = true;
        if (!may_receive(r, round)) continue;
        receive(r, round);
        for (const Addition& addition : round.additions) add(r, addition);
        ++at[r], sent[r] = false, moved = true;
      }
    }
    for (std::size_t r = 0; r < all_.size(); ++r)
      if (at[r] != all_[r].rounds.size()) return false;
    return std::ranges::all_of(under_way_, [](const auto& line) { return line.second.empty(); });
  }

  double result(std::int32_t rank, std::int64_t i) const {
    return memory_[static_cast<std::size_t>(rank)][1][static_cast<std::size_t>(i)];
  }

 private:
  using Line = std::deque<std::vector<double>>;
  double* at(std::size_t rank, const Location& place) {
    return memory_[rank][static_cast<std::size_t>(place.where)].data() + place.first;
  }
  void send(std::size_t r, const MessageRound& round) {
    for (const PeerMessage& m : round.sends) {
      const double* first = at(r, m.place);
      under_way_[{r, static_cast<std::size_t>(m.peer)}].emplace_back(first, first + m.elements);
    }
  }
  bool may_receive(std::size_t r, const MessageRound& round) {
    std::map<std::size_t, std::size_t> wanted;
    for (const PeerMessage& m : round.receives) ++wanted[static_cast<std::size_t>(m.peer)];
    return std::ranges::all_of(
        wanted, [&](const auto& one) { return under_way_[{one.first, r}].size() >= one.second; });
  }
  void receive(std::size_t r, const MessageRound& round) {
    for (const PeerMessage& m : round.receives) {
      Line& line = under_way_[{static_cast<std::size_t>(m.peer), r}];
      EXPECT_EQ(std::ssize(line.front()), m.elements);
      std::ranges::copy(line.front(), at(r, m.place));
      line.pop_front();
    }
  }
  void add(std::size_t r, const Addition& addition) {
    std::vector<const std::byte*> sources;
    for (const Location& source : addition.sources)
      sources.push_back(reinterpret_cast<const std::byte*>(at(r, source)));
    auto* const destination = reinterpret_cast<std::byte*>(at(r, addition.destination));
    combine(DataType::fp64, sources, {&destination, 1}, addition.elements * 8);
  }

  std::int32_t ranks_;
  std::vector<MessageRounds> all_;
  std::vector<std::array<std::vector<double>, 3>> memory_;  // by rank and Location::Where
  std::map<std::pair<std::size_t, std::size_t>, Line> under_way_;
};

double given(std::int32_t rank, std::int64_t i) { return static_cast<double>(1000 * rank + i); }

double sum_of_all(std::int32_t ranks, std::int64_t i) {
  double sum = 0;
  for (std::int32_t r = 0; r < ranks; ++r) sum += given(r, i);
  return sum;
}

/// Element `i` of what `rank` ends with.
double expected(const Exchange& exchange, std::int32_t ranks, std::int32_t rank, std::int64_t i) {
  const std::int64_t chunk = exchange.elements / ranks;
  switch (exchange.collective) {
    case Collective::all_reduce: return sum_of_all(ranks, i);
    case Collective::reduce_scatter: return sum_of_all(ranks, rank * chunk + i);
    case Collective::all_gather: return given(static_cast<std::int32_t>(i / chunk), i % chunk);
    case Collective::broadcast: return given(0, i);
    case Collective::shift:
    case Collective::all_to_all: break;
  }
  return given((rank + ranks - 1) % ranks, i);
}

TEST(MessageRounds, EveryMessageHasItsOtherEndAndTheResultIsTheCollectives) {
  for (const Collective what : collective::kCollectives)
    for (const Algorithm algorithm : collective::kAlgorithms)
      for (const std::int32_t ranks : {1, 2, 3, 4, 8}) {
        if (!collective::has(what, algorithm, ranks)) continue;
        SCOPED_TRACE(fmt::format("{} by {} over {}", name_of(what), name_of(algorithm), ranks));
        const Exchange exchange{.what = ExchangeKind::collective,
                                .collective = what,
                                .algorithm = algorithm,
                                .type = DataType::fp64,
                                .elements = 24};
        Play play(exchange, ranks);
        ASSERT_TRUE(play.run());
        const std::int64_t kept = what == Collective::reduce_scatter ? 24 / ranks : 24;
        for (std::int32_t r = 0; r < ranks; ++r)
          for (std::int64_t i = 0; i < kept; ++i)
            ASSERT_EQ(play.result(r, i), expected(exchange, ranks, r, i)) << r << " " << i;
      }
}

}  // namespace
}  // namespace ds::executor
