// All-reduce of fp32 over the ranks' shared memory, in place, beside that of OpenMPI on this machine: both in turn, round
// after round, each time as fresh processes; the median of rounds.
//
//   bench/run allreduce
//
// The pool's buffers lie in shared memory already, MPI's are private to each process: that is what the pool is for, and
// not a better algorithm.
#include <fmt/format.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <numeric>
#include <string>

#include "bench/allreduce_plan.h"
#include "executor/pool/pool_communicator.h"
#include "executor/supervisor/supervisor.h"
#include "simulator/base/error.h"

extern char** environ;  // NOLINT: POSIX says that the program declares it

namespace {

using namespace ds;
using namespace ds::executor;

constexpr int kRounds = 5;
constexpr std::size_t kSizes = std::size(bench::kSizes);
using Seconds5 = std::array<double, kSizes>;

int run_rank(const RankEnvironment& seat) {
  Pool pool = Pool::open(seat.pool_descriptor);
  pool.touch(seat.rank);
  std::vector<std::int32_t> all(static_cast<std::size_t>(pool.ranks()));
  std::iota(all.begin(), all.end(), 0);
  PoolCommunicator communicator(pool, {.ranks = all, .me = seat.rank});
  Seconds5 seconds{};
  for (std::size_t i = 0; i < kSizes; ++i)
    seconds[i] = bench::best_seconds(bench::kSizes[i], [&] {
      communicator.wait(communicator.start({.what = ExchangeKind::collective,
                                            .collective = collective::Collective::all_reduce,
                                            .type = DataType::fp32,
                                            .elements = bench::kSizes[i] / 4}));
    });
  pool.deliver(seat.rank, std::as_bytes(std::span(seconds)));
  return 0;
}

Seconds5 over_pool(std::int32_t ranks, const char* program) {
  Pool pool = Pool::create(
      {.arenas = std::vector<Bytes>(static_cast<std::size_t>(ranks), {std::ranges::max(bench::kSizes)})});
  Launch launch{.arguments = {program}, .pin = true};
  for (char** entry = environ; *entry != nullptr; ++entry) launch.environment.emplace_back(*entry);
  const Outcome outcome = supervise(pool, launch);
  if (outcome.failure) throw MachineError(tell(*outcome.failure));
  Seconds5 seconds{};
  std::memcpy(seconds.data(), outcome.results[0].data(), sizeof seconds);
  return seconds;
}

Seconds5 over_mpi(std::int32_t ranks, const std::string& program) {
  const std::string command =
      fmt::format("OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 mpirun --oversubscribe -n {} {}",
                  ranks, program);
  std::FILE* output = ::popen(command.c_str(), "r");
  if (output == nullptr) throw MachineError("mpirun cannot be started");
  Seconds5 seconds{};
  std::size_t read = 0;
  for (double& s : seconds) read += std::fscanf(output, "%lf", &s) == 1 ? 1 : 0;
  if (::pclose(output) != 0 || read != kSizes) throw MachineError("mpirun failed");
  return seconds;
}

Seconds5 medians(std::vector<Seconds5> rounds) {
  Seconds5 result{};
  for (std::size_t i = 0; i < kSizes; ++i) {
    std::ranges::nth_element(rounds, rounds.begin() + kRounds / 2, {},
                             [&](const Seconds5& s) { return s[i]; });
    result[i] = rounds[kRounds / 2][i];
  }
  return result;
}

void compare(std::int32_t ranks, const char* program, const std::string& mpi) {
  std::vector<Seconds5> pool, other;
  for (int round = 0; round < kRounds; ++round) {
    pool.push_back(over_pool(ranks, program));
    if (!mpi.empty()) other.push_back(over_mpi(ranks, mpi));
  }
  const Seconds5 ours = medians(pool), theirs = mpi.empty() ? Seconds5{} : medians(other);
  for (std::size_t i = 0; i < kSizes; ++i) {
    fmt::print("{:>5} {:>8} KiB {:>10.1f} us {:>7.2f} GB/s", ranks, bench::kSizes[i] >> 10, ours[i] * 1e6,
               static_cast<double>(bench::kSizes[i]) / ours[i] * 1e-9);
    if (!mpi.empty()) fmt::print(" {:>10.1f} us {:>7.2f}", theirs[i] * 1e6, theirs[i] / ours[i]);
    fmt::print("\n");
  }
  std::fflush(stdout);
}

}  // namespace

int main(int /*count*/, char** arguments) {
  if (const auto seat = rank_environment(std::getenv(kRankVariable), std::getenv(kPoolVariable)))
    return run_rank(*seat);
  std::string mpi = std::filesystem::read_symlink("/proc/self/exe").parent_path() / "bench_allreduce_mpi";
  if (!std::filesystem::exists(mpi)) {
    fmt::print("OpenMPI was not found when this was built; its columns are left out.\n");
    mpi.clear();
  }
  fmt::print("All-reduce in place, fp32, medians of {} rounds. Rate: bytes of the buffer over time.\n",
             kRounds);
  fmt::print("ranks         size       pool             rate{}\n",
             mpi.empty() ? "" : "       OpenMPI  OpenMPI : pool");
  for (const std::int32_t ranks : {2, 4}) compare(ranks, arguments[0], mpi);
  return 0;
}
