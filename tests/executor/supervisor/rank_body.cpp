#include "tests/executor/supervisor/rank_body.h"

#include <sched.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <numeric>
#include <string_view>

#include "executor/pool/pool_communicator.h"
#include "simulator/base/error.h"

namespace ds::executor {
namespace {

constexpr std::int64_t kElements = 1000;
constexpr Bytes kVector{4096};  // behind the note

void introduce(const Pool& pool, std::int32_t rank) {
  cpu_set_t allowed;
  ::sched_getaffinity(0, sizeof allowed, &allowed);
  const char* threads = std::getenv("OPENBLAS_NUM_THREADS");
  const RankNote note{.process = ::getpid(),
                      .cores = CPU_COUNT(&allowed),
                      .blas_threads = threads == nullptr ? 0 : std::atoi(threads)};
  std::memcpy(pool.arena(rank).data(), &note, sizeof note);
}

[[noreturn]] void stay() {
  for (;;) ::pause();
}

/// A step's start value of element i, from what the last step left.
double given(double last, std::int32_t rank, std::int64_t i) {
  return 0.1 * static_cast<double>(rank + 1) + 1e-3 * static_cast<double>(i) + last / 1024;
}

}  // namespace

double expected_sum(std::int32_t ranks, std::int64_t steps) {
  std::vector<double> values(kElements);
  for (std::int64_t step = 0; step < steps; ++step)
    for (std::int64_t i = 0; i < kElements; ++i) {
      double& value = values[static_cast<std::size_t>(i)];
      double sum = given(value, 0, i);
      for (std::int32_t r = 1; r < ranks; ++r) sum += given(value, r, i);
      value = sum;
    }
  return std::accumulate(values.begin(), values.end(), 0.0);
}

int run_rank_body(const RankEnvironment& environment, int count, char** arguments) {
  const auto argument = [&](int i) {
    return i < count ? std::string_view(arguments[i]) : std::string_view{};
  };
  const auto number = [&](int i) { return i < count ? std::atoll(arguments[i]) : -1; };
  Pool pool = Pool::open(environment.pool_descriptor);
  pool.touch(environment.rank);
  introduce(pool, environment.rank);
  pool.set_status(environment.rank, {.phase = RankPhase::starting});
  const std::string_view mode = argument(1);
  if (mode == "pipe" && ::write(static_cast<int>(number(2)), "x", 1) == 1) stay();
  if (mode == "hang" && environment.rank == number(2)) return 3;
  if (mode == "hang") stay();

  std::vector<std::int32_t> all(static_cast<std::size_t>(pool.ranks()));
  std::iota(all.begin(), all.end(), 0);
  PoolCommunicator communicator(pool, {.ranks = all, .me = environment.rank});
  auto* vector = reinterpret_cast<double*>(pool.arena(environment.rank).data() + kVector.value);
  const std::int64_t steps = mode == "sum" ? number(2) : std::numeric_limits<std::int64_t>::max();
  std::int64_t step = 0;
  for (; step < steps && pool.may_begin(step); ++step) {
    pool.set_status(environment.rank, {.phase = RankPhase::training, .step = step});
    if (step == 20 && mode == "status" && environment.rank == number(2)) return static_cast<int>(number(3));
    if (step == 20 && mode == "fault" && environment.rank == number(2)) std::raise(SIGSEGV);
    for (std::int64_t i = 0; i < kElements; ++i) vector[i] = given(vector[i], environment.rank, i);
    try {
      communicator.wait(communicator.start({.what = ExchangeKind::collective,
                                            .collective = collective::Collective::all_reduce,
                                            .type = DataType::fp64,
                                            .elements = kElements,
                                            .from = kVector,
                                            .to = kVector}));
    } catch (const MachineError&) {
      return 3;
    }
  }
  const RankResult result{.steps = step, .sum = std::accumulate(vector, vector + kElements, 0.0)};
  pool.deliver(environment.rank, std::as_bytes(std::span(&result, 1)));
  pool.set_status(environment.rank, {.phase = RankPhase::finished});
  return 0;
}

}  // namespace ds::executor
