// Times communications of several sizes over a pool, on one rank of several.
#include "executor/calibrate/exchanges.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <numeric>

#include "executor/calibrate/robust.h"
#include "executor/clock.h"
#include "executor/pool/pool_communicator.h"

namespace ds::executor {
namespace {

using collective::Collective;

constexpr std::int64_t kSmallest = 64, kLargest = 64LL << 20, kStep = 4;
// A batch is long enough for the clock and short enough to fall between two interruptions.
constexpr double kBatch = 3e-4;
constexpr int kBatches = 3, kMostRepeats = 256;

class Exchanging {
 public:
  Exchanging(Pool& pool, std::int32_t rank)
      : rank_(rank), arena_(pool.arena(rank)), communicator_(pool, {.ranks = all(pool), .me = rank}) {}

  /// Seconds of one, over `repeats`, all ranks beginning together.
  double time(const ExchangeOp& op, int repeats) {
    follow(0);
    const Instant begin = now();
    for (int i = 0; i < repeats; ++i) run(op);
    const double took = (now() - begin).wall.value / repeats;
    return op.message ? took / 2 : took;
  }

  /// Rank 0's number on every rank.
  double follow(double number) {
    auto* place = reinterpret_cast<double*>(arena_.data() + kLargest);
    *place = number;
    // Everybody waits for everybody: the sum of rank 0's number and zeros.
    if (rank_ != 0) *place = 0;
    wait({.what = ExchangeKind::collective,
          .collective = Collective::all_reduce,
          .type = DataType::fp64,
          .elements = 1,
          .from = {kLargest},
          .to = {kLargest}});
    return *place;
  }

 private:
  static std::vector<std::int32_t> all(const Pool& pool) {
    std::vector<std::int32_t> ranks(static_cast<std::size_t>(pool.ranks()));
    std::iota(ranks.begin(), ranks.end(), 0);
    return ranks;
  }

  void run(const ExchangeOp& op) {
    Exchange exchange{.what = ExchangeKind::collective,
                      .collective = op.what,
                      .type = DataType::fp32,
                      .elements = op.bytes.value / size_of(DataType::fp32)};
    if (op.message) {  // there and back again
      for (const bool sends : {rank_ == 0, rank_ != 0}) {
        exchange.what = sends ? ExchangeKind::send : ExchangeKind::receive;
        wait(exchange);
      }
      return;
    }
    // In place, as gradients are reduced and parameters gathered.
    const Bytes chunk{op.bytes.value / op.ranks * rank_};
    if (op.what == Collective::all_gather) exchange.from = chunk;
    if (op.what == Collective::reduce_scatter) exchange.to = chunk;
    wait(exchange);
  }
  void wait(const Exchange& exchange) { communicator_.wait(communicator_.start(exchange)); }

  std::int32_t rank_;
  std::span<std::byte> arena_;
  PoolCommunicator communicator_;
};

std::string words(const ExchangeOp& op) {
  return fmt::format("{} over {} ranks", op.message ? "send" : collective::name_of(op.what), op.ranks);
}

}  // namespace

std::vector<ExchangeOp> exchange_grid(std::int32_t ranks) {
  std::vector<ExchangeOp> list;
  for (std::int64_t bytes = kSmallest; bytes <= kLargest; bytes *= kStep) {
    if (bytes / size_of(DataType::fp32) % ranks != 0) continue;  // chunks are equal
    for (const Collective what :
         {Collective::all_reduce, Collective::all_gather, Collective::reduce_scatter, Collective::broadcast})
      list.push_back({.what = what, .ranks = ranks, .bytes = {bytes}});
    if (ranks == 2) list.push_back({.message = true, .ranks = ranks, .bytes = {bytes}});
  }
  return list;
}

Bytes exchange_arena() { return {kLargest + kSmallest}; }

std::vector<ExchangeTime> measure_exchanges(Pool& pool, std::int32_t rank,
                                            const std::vector<ExchangeOp>& list, int rounds,
                                            const Progress& progress) {
  Exchanging exchanging(pool, rank);
  std::vector<int> repeats(list.size(), 1);
  std::vector<std::vector<double>> seconds(list.size());
  std::int64_t number = 0;
  // Round 0 warms up, and rank 0 finds out how often a short one has to be repeated.
  for (int round = 0; round <= rounds; ++round)
    for (std::size_t i = 0; i < list.size(); ++i) {
      if (!pool.may_begin(number++)) return {};
      double best = std::numeric_limits<double>::infinity();
      for (int batch = 0; batch < kBatches; ++batch)
        best = std::min(best, exchanging.time(list[i], repeats[i]));
      if (round == 0)
        repeats[i] = std::clamp(static_cast<int>(kBatch / exchanging.follow(best)), 1, kMostRepeats);
      else
        seconds[i].push_back(best);
      if (progress)
        progress(static_cast<double>(number) / static_cast<double>((rounds + 1) * std::ssize(list)),
                 words(list[i]));
    }
  std::vector<ExchangeTime> result;
  for (std::size_t i = 0; i < list.size(); ++i) {
    const Robust time = robust(seconds[i]);
    result.push_back({list[i], time.centre, time.sigma});
  }
  return result;
}

}  // namespace ds::executor
