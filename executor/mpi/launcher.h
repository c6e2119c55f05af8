#pragma once
// Whether a launcher of MPI programs (mpirun, srun) has started this process: by the environment alone, so that the
// question costs nothing and can be asked of a program that was built without MPI.

#include <cstdint>
#include <functional>
#include <optional>

#include "simulator/base/error.h"

namespace ds::executor {

/// What a launcher says of the process. Numbers that it does not say are empty.
struct Launched {
  const char* by{};  // "mpirun", "srun"
  std::optional<std::int32_t> rank, ranks;
};

/// `variable` is as std::getenv. Understands Open MPI (OMPI_COMM_WORLD_*), PMI and PMI 2 (MPICH, Intel MPI), PMIx, and steps
/// of Slurm of more than one task. The script of a Slurm batch job is none, although it has a rank. Throws InputError where a
/// variable is no number, or a rank is missing or not below the number of ranks.
std::optional<Launched> launched(const std::function<const char*(const char* name)>& variable);

/// What is wrong where MPI itself counts otherwise: the launcher was another MPI's, and each rank would train by itself.
std::optional<InputError> contradiction(const Launched& launched, std::int32_t rank, std::int32_t ranks);

}  // namespace ds::executor
