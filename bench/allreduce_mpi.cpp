// The other side of the all-reduce benchmark: MPI's, in place or from one buffer to another, whichever is
// faster. Rank 0 prints the seconds of each size, one a line.
#include <mpi.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "bench/allreduce_plan.h"

int main(int count, char** arguments) {
  MPI_Init(&count, &arguments);
  int rank = 0;
  MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  const auto largest = static_cast<std::size_t>(std::ranges::max(ds::bench::kSizes));
  auto* from = static_cast<float*>(std::aligned_alloc(4096, largest));
  auto* to = static_cast<float*>(std::aligned_alloc(4096, largest));
  std::memset(from, 0, largest);
  std::memset(to, 0, largest);
  for (const std::int64_t bytes : ds::bench::kSizes) {
    const auto seconds = [&](const void* source) {
      return ds::bench::best_seconds(bytes, [&] {
        MPI_Allreduce(source, to, static_cast<int>(bytes / 4), MPI_FLOAT, MPI_SUM, MPI_COMM_WORLD);
      });
    };
    const double in_place = seconds(MPI_IN_PLACE), apart = seconds(from);
    if (rank == 0) std::printf("%.9f\n", std::min(in_place, apart));
  }
  std::free(from);
  std::free(to);
  MPI_Finalize();
  return 0;
}
