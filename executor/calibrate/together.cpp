// Starts ranks that measure at the same time, and puts what they deliver together.
#include "executor/calibrate/together.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <span>

#include "executor/cores.h"
#include "simulator/base/error.h"

namespace ds::executor {
namespace {

// Of the rounds of the operators alone: these ones take longer, and there is one table of them for each number of ranks.
constexpr int kFewerRounds = 2, kFewestRounds = 3;
// Shares of the time on two cores; for the progress line alone.
constexpr double kExchangesShare = 0.1;

// The supervisor's decision: exchanges and then operators.
constexpr std::int64_t kBoth = 1;

/// The median and its scatter, as they are delivered.
using Pair = std::array<double, 2>;

std::int32_t cores() { return static_cast<std::int32_t>(allowed_cores().size()); }

/// Operators are measured with two ranks and with all cores at work.
bool times_operators(std::int32_t ranks) {
  return ranks <= cores() && (ranks == 2 || ranks == rank_counts().back());
}

int rounds_together(int rounds) { return std::max(kFewestRounds, rounds - kFewerRounds); }

std::vector<Pair> pairs_of(const std::vector<std::byte>& bytes) {
  std::vector<Pair> pairs(bytes.size() / sizeof(Pair));
  if (!pairs.empty()) std::memcpy(pairs.data(), bytes.data(), pairs.size() * sizeof(Pair));
  return pairs;
}

/// On all ranks the same operator runs at about the same time; their mean is that of a rank among others.
std::vector<OperatorTime> mean_times(const std::vector<ops::Op>& list,
                                     const std::vector<std::vector<Pair>>& ranks, std::size_t first) {
  std::vector<OperatorTime> times;
  const auto count = static_cast<double>(ranks.size());
  for (std::size_t i = 0; i < list.size(); ++i) {
    OperatorTime time{.op = list[i]};
    for (const std::vector<Pair>& rank : ranks) {
      time.seconds += rank[first + i][0] / count;
      time.sigma += rank[first + i][1] / count;
    }
    times.push_back(time);
  }
  return times;
}

}  // namespace

std::vector<std::int32_t> rank_counts() {
  std::vector<std::int32_t> counts{2};
  while (counts.back() * 2 <= cores()) counts.push_back(counts.back() * 2);
  return counts;
}

double length_in_rounds(std::int32_t ranks, int rounds) {
  const double both = (rounds_together(rounds) + 1) / (1 - kExchangesShare);
  return times_operators(ranks) ? both : both * kExchangesShare;
}

TogetherTimes measure_together(std::int32_t ranks, Launch launch, const Progress& progress) {
  Pool pool = Pool::create({.arenas = std::vector<Bytes>(static_cast<std::size_t>(ranks), exchange_arena())});
  const bool both = times_operators(ranks);
  pool.decide(both ? kBoth : 0);  // a rank may be held to one core, and cannot count them
  std::uint64_t seen = 0;
  launch.on_look = [&] {
    const std::vector<Pool::Record> records = pool.published(seen);
    if (!records.empty() && progress)
      progress(std::bit_cast<double>(records.back()[0]), fmt::format("{} ranks at once", ranks));
  };
  const Outcome outcome = supervise(pool, launch);
  throw_failure(outcome);
  if (outcome.stopped) return {};
  std::vector<std::vector<Pair>> results;
  for (const std::vector<std::byte>& bytes : outcome.results) results.push_back(pairs_of(bytes));
  const std::vector<ExchangeOp> exchanges = exchange_grid(ranks);
  const std::vector<ops::Op> operators = both ? calibration_grid() : std::vector<ops::Op>{};
  for (const std::vector<Pair>& result : results)
    ensure(result.size() == exchanges.size() + operators.size(), "every rank has measured the whole list");
  TogetherTimes times{.ranks = ranks, .exchanges = {}, .operators = {}};
  for (std::size_t i = 0; i < exchanges.size(); ++i)
    times.exchanges.push_back({exchanges[i], results[0][i][0], results[0][i][1]});
  times.operators = mean_times(operators, results, exchanges.size());
  return times;
}

int measure_as_rank(const RankEnvironment& environment, int rounds) {
  RankBody body(environment);
  return body.run([&] {
    Pool& pool = body.pool();
    pool.touch(environment.rank);
    const auto publish = [&](double share) {
      if (environment.rank == 0) pool.publish({std::bit_cast<std::uint64_t>(share)});
    };
    const bool both = pool.decision() == kBoth;
    std::vector<Pair> result;
    const std::vector<ExchangeOp> exchanges = exchange_grid(pool.ranks());
    for (const ExchangeTime& time : measure_exchanges(
             pool, environment.rank, exchanges, rounds,
             [&](double share, std::string_view) { publish(both ? kExchangesShare * share : share); }))
      result.push_back({time.seconds, time.sigma});
    if (both && !result.empty()) {
      StopToken stop;
      std::int64_t number = std::int64_t{1} << 30;  // beyond those of the exchanges
      const CalibrationOptions options{.rounds = rounds_together(rounds),
                                       .progress =
                                           [&](double share, std::string_view) {
                                             publish(kExchangesShare + (1 - kExchangesShare) * share);
                                             if (!pool.may_begin(number++)) stop.signal = 1;
                                           },
                                       .stop = &stop};
      for (const OperatorTime& time : measure_operators(calibration_grid(), options))
        result.push_back({time.seconds, time.sigma});
    }
    pool.deliver(environment.rank, std::as_bytes(std::span(result)));
  });
}

}  // namespace ds::executor
