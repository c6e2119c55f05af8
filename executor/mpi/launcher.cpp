// The variables by which launchers tell a process its rank.
#include "executor/mpi/launcher.h"

#include <charconv>
#include <string_view>

namespace ds::executor {
namespace {

std::optional<std::int32_t> number(const char* text) {
  if (text == nullptr) return std::nullopt;
  const std::string_view all(text);
  std::int32_t value = 0;
  const auto [end, error] = std::from_chars(all.data(), all.data() + all.size(), value);
  if (error != std::errc() || end != all.data() + all.size() || value < 0) return std::nullopt;
  return value;
}

}  // namespace

std::optional<Launched> launched(const std::function<const char*(const char* name)>& variable) {
  const auto of = [&](const char* name) { return number(variable(name)); };
  if (const auto rank = of("OMPI_COMM_WORLD_RANK"))
    return Launched{.by = "mpirun", .rank = rank, .ranks = of("OMPI_COMM_WORLD_SIZE")};
  // `sbatch` sets SLURM_PROCID and SLURM_NTASKS for its script too; the size of a step only srun does.
  const auto task = of("SLURM_PROCID"), tasks = of("SLURM_STEP_NUM_TASKS");
  if (task && tasks.value_or(0) > 1) return Launched{.by = "srun", .rank = task, .ranks = tasks};
  if (const auto rank = of("PMI_RANK"))
    return Launched{.by = "mpirun", .rank = rank, .ranks = of("PMI_SIZE")};
  if (const auto rank = of("PMIX_RANK")) return Launched{.by = "mpirun", .rank = rank, .ranks = std::nullopt};
  return std::nullopt;
}

}  // namespace ds::executor
