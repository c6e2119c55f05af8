// The variables by which launchers tell a process its rank.
#include "executor/mpi/launcher.h"

#include <fmt/format.h>

#include <charconv>
#include <string>
#include <string_view>

#include "simulator/base/error.h"

namespace ds::executor {
namespace {

constexpr const char* kAlone = "a launcher sets it; without it the program starts alone";

using Variable = std::function<const char*(const char* name)>;

/// Nothing where it is not set, or empty, which is how scripts take a variable away.
std::optional<std::int32_t> number(const Variable& variable, const char* name, std::int32_t least) {
  const char* text = variable(name);
  if (text == nullptr || *text == '\0') return std::nullopt;
  const std::string_view all(text);
  std::int32_t value = 0;
  const auto [end, error] = std::from_chars(all.data(), all.data() + all.size(), value);
  if (error != std::errc() || end != all.data() + all.size() || value < least)
    throw InputError(name, fmt::format("is '{}', must be a whole number from {}", all, least), kAlone);
  return value;
}

struct RankOf {
  std::optional<std::int32_t> rank, ranks;
};

/// Two variables that have to agree.
RankOf numbers(const Variable& variable, const char* rank, const char* ranks) {
  const RankOf found{number(variable, rank, 0), number(variable, ranks, 1)};
  if (found.ranks && !found.rank)
    throw InputError(ranks, fmt::format("is {}, and {} is missing", *found.ranks, rank), kAlone);
  if (found.ranks && *found.rank >= *found.ranks)
    throw InputError(
        rank, fmt::format("is {}, must be below {}, which is {}", *found.rank, ranks, *found.ranks), kAlone);
  return found;
}

}  // namespace

std::optional<Launched> launched(const Variable& variable) {
  if (const RankOf open = numbers(variable, "OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_SIZE"); open.rank)
    return Launched{.by = "mpirun", .rank = open.rank, .ranks = open.ranks};
  // `sbatch` sets SLURM_PROCID and SLURM_NTASKS for its script too; the size of a step only srun does.
  if (const RankOf slurm = numbers(variable, "SLURM_PROCID", "SLURM_STEP_NUM_TASKS");
      slurm.ranks.value_or(0) > 1)
    return Launched{.by = "srun", .rank = slurm.rank, .ranks = slurm.ranks};
  if (const RankOf pmi = numbers(variable, "PMI_RANK", "PMI_SIZE"); pmi.rank)
    return Launched{.by = "mpirun", .rank = pmi.rank, .ranks = pmi.ranks};
  if (const auto rank = number(variable, "PMIX_RANK", 0))
    return Launched{.by = "mpirun", .rank = rank, .ranks = std::nullopt};
  return std::nullopt;
}

std::optional<InputError> contradiction(const Launched& launched, std::int32_t rank, std::int32_t ranks) {
  if (launched.rank.value_or(rank) == rank && launched.ranks.value_or(ranks) == ranks) return std::nullopt;
  const std::string of = launched.ranks ? fmt::format(" of {}", *launched.ranks) : std::string();
  return InputError({},
                    fmt::format("{} says that this is rank {}{}, and MPI that it is rank {} of {}",
                                launched.by, launched.rank.value_or(0), of, rank, ranks),
                    "the launcher has to be that of the MPI that ds-exec was built with");
}

}  // namespace ds::executor
