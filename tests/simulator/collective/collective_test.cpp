// One set of laws over the whole catalogue: an algorithm is under test the moment it is listed.
#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <map>
#include <numeric>
#include <optional>
#include <set>
#include <string>
#include <utility>

#include "tests/support/play_steps.h"

namespace ds::collective {
namespace {

/// How often each rank has been counted: a sum that is right in numbers could still hold one rank twice.
struct Tally {
  std::vector<std::int32_t> times;
  Tally& operator+=(const Tally& other) {
    for (std::size_t i = 0; i < times.size(); ++i) times[i] += other.times[i];
    return *this;
  }
  bool operator==(const Tally&) const = default;
};

Tally tally(std::int32_t ranks, std::int32_t of_rank) {
  Tally one{std::vector<std::int32_t>(ranks, 0)};
  one.times[of_rank] = 1;
  return one;
}

Tally everyone(std::int32_t ranks) { return {std::vector<std::int32_t>(ranks, 1)}; }

std::vector<std::int32_t> tested_ranks() {
  std::vector<std::int32_t> ranks;
  for (std::int32_t n = 1; n <= 17; ++n) ranks.push_back(n);
  ranks.insert(ranks.end(), {32, 64});
  return ranks;
}

template <class Visit>
void for_each_plan(Visit visit) {
  for (const Collective what : kCollectives)
    for (const Algorithm algorithm : kAlgorithms)
      for (const std::int32_t ranks : tested_ranks()) {
        if (!has(what, algorithm, ranks)) continue;
        SCOPED_TRACE(std::string(name_of(what)) + " by " + std::string(name_of(algorithm)) + " over " +
                     std::to_string(ranks));
        visit(what, algorithm, steps(what, algorithm, ranks));
      }
}

/// Every rank holds its own contribution in every chunk.
Contents<Tally> own_content(const Steps& plan) {
  Contents<Tally> contents;
  for (std::int32_t r = 0; r < plan.ranks; ++r) contents.emplace_back(plan.chunks, tally(plan.ranks, r));
  return contents;
}

/// What chunk `chunk` of rank `rank` has to hold at the end; nothing where it does not matter.
std::optional<Tally> expected(Collective what, const Steps& plan, std::int32_t rank, std::int32_t chunk) {
  switch (what) {
    case Collective::all_reduce: return everyone(plan.ranks);
    case Collective::reduce_scatter:
      return chunk == rank ? std::optional(everyone(plan.ranks)) : std::nullopt;
    case Collective::all_gather: return tally(plan.ranks, chunk);
    case Collective::broadcast: return tally(plan.ranks, 0);
    case Collective::shift: return tally(plan.ranks, (rank + plan.ranks - 1) % plan.ranks);
    case Collective::all_to_all: break;  // has no steps
  }
  return std::nullopt;
}

void expect_promise_kept(Collective what, const Steps& plan, const Contents<Tally>& end) {
  for (std::int32_t rank = 0; rank < plan.ranks; ++rank)
    for (std::int32_t chunk = 0; chunk < plan.chunks; ++chunk)
      if (const auto right = expected(what, plan, rank, chunk)) {
        ASSERT_EQ(end[rank][chunk].times, right->times) << "rank " << rank << ", chunk " << chunk;
      }
}

TEST(Collective, LeavesOnEveryRankWhatItPromises) {
  for_each_plan([](Collective what, Algorithm, const Steps& plan) {
    const bool by_rank = what == Collective::all_gather || what == Collective::reduce_scatter;
    ASSERT_EQ(by_rank ? plan.chunks : plan.ranks, plan.ranks);  // chunk r belongs to rank r
    expect_promise_kept(what, plan, play(plan, own_content(plan)));
  });
}

void expect_in_range(const Steps& plan, const Transfer& t) {
  const auto rank = [&](std::int32_t r) { return r >= 0 && r < plan.ranks; };
  EXPECT_TRUE(rank(t.from) && rank(t.to) && t.from != t.to) << t.from << " to " << t.to;
  EXPECT_TRUE(t.first >= 0 && t.count >= 1 && t.first + t.count <= plan.chunks) << t.first << ", " << t.count;
}

TEST(Collective, NamesOnlyRanksAndChunksThatThereAre) {
  for_each_plan([](Collective, Algorithm, const Steps& plan) {
    for (const Step& step : plan.steps) {
      EXPECT_FALSE(step.transfers.empty());
      for (const Transfer& t : step.transfers) expect_in_range(plan, t);
    }
  });
}

/// A chunk of a rank that a step writes, and whether it adds there.
using Writes = std::map<std::pair<std::int32_t, std::int32_t>, bool>;

/// Two writers of one chunk are well defined only if both add.
Writes writes_of(const Step& step) {
  Writes writes;
  for (const Transfer& t : step.transfers)
    for (std::int32_t chunk = t.first; chunk < t.first + t.count; ++chunk) {
      const auto [found, first] = writes.try_emplace({t.to, chunk}, t.add);
      EXPECT_TRUE(first || (found->second && t.add)) << "rank " << t.to << ", chunk " << chunk;
    }
  return writes;
}

void expect_no_reads_of(const Writes& writes, const Step& step) {
  for (const Transfer& t : step.transfers)
    for (std::int32_t chunk = t.first; chunk < t.first + t.count; ++chunk)
      EXPECT_FALSE(writes.contains({t.from, chunk})) << "rank " << t.from << ", chunk " << chunk;
}

/// A chunk that is sent while it is written would have to be set aside, which only a shift asks for.
TEST(Collective, NoStepReadsWhatItWritesOrWritesTwice) {
  for_each_plan([](Collective what, Algorithm, const Steps& plan) {
    for (const Step& step : plan.steps) {
      const Writes writes = writes_of(step);
      if (what != Collective::shift) expect_no_reads_of(writes, step);
    }
  });
}

TEST(Collective, SendsAtMostOneMessageFromOneRankToAnotherInAStep) {
  for_each_plan([](Collective, Algorithm, const Steps& plan) {
    for (const Step& step : plan.steps) {
      std::set<std::pair<std::int32_t, std::int32_t>> pairs;
      for (const Transfer& t : step.transfers) pairs.insert({t.from, t.to});
      EXPECT_EQ(pairs.size(), step.transfers.size());
    }
  });
}

/// Chunks that every rank sends, and receives, over the whole plan.
struct Traffic {
  std::vector<std::int64_t> sent, received;
};

Traffic traffic_of(const Steps& plan) {
  Traffic traffic{std::vector<std::int64_t>(plan.ranks), std::vector<std::int64_t>(plan.ranks)};
  for (const Step& step : plan.steps)
    for (const Transfer& t : step.transfers) {
      traffic.sent[t.from] += t.count;
      traffic.received[t.to] += t.count;
    }
  return traffic;
}

std::int64_t sum(const std::vector<std::int64_t>& values) {
  return std::accumulate(values.begin(), values.end(), std::int64_t{0});
}

TEST(Collective, ReceivesWhatIsSent) {
  for_each_plan([](Collective, Algorithm, const Steps& plan) {
    const Traffic traffic = traffic_of(plan);
    EXPECT_EQ(sum(traffic.sent), sum(traffic.received));
  });
}

/// Ring, direct, halving and doubling move the least there is: (n - 1) / n of the buffer a rank for a half, twice that
/// for all_reduce.
TEST(Collective, HalvesMoveTheLeastOnEveryRank) {
  for_each_plan([](Collective what, Algorithm algorithm, const Steps& plan) {
    const bool whole = what == Collective::all_reduce && algorithm != Algorithm::binomial_tree;
    if (!whole && what != Collective::all_gather && what != Collective::reduce_scatter) return;
    const std::vector<std::int64_t> moved(plan.ranks, (whole ? 2 : 1) * (plan.ranks - 1));  // of n chunks
    EXPECT_EQ(traffic_of(plan).sent, moved);
    EXPECT_EQ(traffic_of(plan).received, moved);
  });
}

/// A tree moves the buffer over its n - 1 edges, a broadcast brings it to n - 1 ranks once, a shift to all.
TEST(Collective, TheRestMovesTheBufferOncePerEdge) {
  for_each_plan([](Collective what, Algorithm algorithm, const Steps& plan) {
    const std::int64_t others = plan.ranks - 1;
    const std::int64_t all = sum(traffic_of(plan).sent);
    if (what == Collective::broadcast) {
      EXPECT_EQ(all, others * plan.chunks);
    } else if (what == Collective::shift) {
      EXPECT_EQ(all, others == 0 ? 0 : plan.ranks);
    } else if (algorithm == Algorithm::binomial_tree) {
      EXPECT_EQ(all, 2 * others);
    }
  });
}

TEST(Collective, TakesAsManyStepsAsItsFormulaSays) {
  for_each_plan([](Collective what, Algorithm algorithm, const Steps& plan) {
    const std::int64_t n = plan.ranks;
    const std::int64_t halves = what == Collective::all_reduce ? 2 : 1;
    const auto log2 = static_cast<std::int64_t>(std::bit_width(static_cast<std::uint32_t>(n - 1)));
    std::int64_t right = 0;
    switch (algorithm) {
      case Algorithm::direct: right = n == 1 ? 0 : halves; break;
      case Algorithm::ring: right = (what == Collective::broadcast ? 2 : halves) * (n - 1); break;
      case Algorithm::halving_doubling:
      case Algorithm::binomial_tree: right = halves * log2; break;
      case Algorithm::grid2d: {
        std::int64_t columns = static_cast<std::int64_t>(std::sqrt(static_cast<double>(n)));
        while (n % columns != 0) --columns;
        right = 2 * (columns - 1) + 2 * (n / columns - 1);
        break;
      }
      case Algorithm::double_tree:
      case Algorithm::nvls:
      case Algorithm::recursive_doubling:
      case Algorithm::bruck:
      case Algorithm::hierarchical:
      case Algorithm::automatic: FAIL() << "priced, not run";
    }
    if (what == Collective::shift) right = n == 1 ? 0 : 1;
    EXPECT_EQ(static_cast<std::int64_t>(plan.steps.size()), right);
  });
}

/// Content for which every order of summation gives other bits.
double awkward(std::int32_t rank, std::int32_t chunk) {
  return 1.0 / (3.0 + rank + 0.37 * chunk) * (rank % 3 == 0 ? 1e6 : 1.0);
}

TEST(Collective, DirectSumsInRankOrderOnEveryRank) {
  for (const Collective what : {Collective::all_reduce, Collective::reduce_scatter})
    for (const std::int32_t ranks : tested_ranks()) {
      const Steps plan = steps(what, Algorithm::direct, ranks);
      Contents<double> start(ranks);
      for (std::int32_t r = 0; r < ranks; ++r)
        for (std::int32_t c = 0; c < plan.chunks; ++c) start[r].push_back(awkward(r, c));
      const Contents<double> end = play(plan, start);
      for (std::int32_t c = 0; c < plan.chunks; ++c) {
        double sum = awkward(0, c);
        for (std::int32_t r = 1; r < ranks; ++r) sum += awkward(r, c);
        for (std::int32_t r = 0; r < ranks; ++r)
          if (what == Collective::all_reduce || r == c) {
            ASSERT_EQ(std::bit_cast<std::uint64_t>(end[r][c]), std::bit_cast<std::uint64_t>(sum))
                << ranks << " ranks, rank " << r << ", chunk " << c;
          }
      }
    }
}

TEST(Collective, TheCatalogueSaysWhatItHas) {
  for (const Collective what : kCollectives) EXPECT_TRUE(has(what, Algorithm::direct, 5)) << name_of(what);
  EXPECT_TRUE(has(Collective::all_reduce, Algorithm::halving_doubling, 16));
  EXPECT_FALSE(has(Collective::all_reduce, Algorithm::halving_doubling, 12));
  EXPECT_FALSE(has(Collective::all_gather, Algorithm::binomial_tree, 8));
  EXPECT_FALSE(has(Collective::all_reduce, Algorithm::ring, 0));
  EXPECT_ANY_THROW(steps(Collective::all_reduce, Algorithm::halving_doubling, 12));
  for (const Algorithm priced : {Algorithm::double_tree, Algorithm::nvls, Algorithm::automatic})
    EXPECT_FALSE(has(Collective::all_reduce, priced, 8)) << name_of(priced);
}

}  // namespace
}  // namespace ds::collective
