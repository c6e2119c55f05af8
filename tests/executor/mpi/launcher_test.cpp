#include "executor/mpi/launcher.h"

#include <gtest/gtest.h>

#include <map>
#include <string>

namespace ds::executor {
namespace {

std::optional<Launched> in(const std::map<std::string, std::string>& environment) {
  return launched([&](const char* name) {
    const auto found = environment.find(name);
    return found == environment.end() ? nullptr : found->second.c_str();
  });
}

void expect(const std::optional<Launched>& by, std::string_view name, std::int32_t rank,
            std::optional<std::int32_t> ranks) {
  ASSERT_TRUE(by);
  EXPECT_EQ(by->by, name);
  EXPECT_EQ(by->rank, rank);
  EXPECT_EQ(by->ranks, ranks);
}

TEST(Launcher, IsToldByItsVariables) {
  expect(in({{"OMPI_COMM_WORLD_RANK", "3"}, {"OMPI_COMM_WORLD_SIZE", "4"}}), "mpirun", 3, 4);
  expect(in({{"PMI_RANK", "0"}, {"PMI_SIZE", "2"}}), "mpirun", 0, 2);
  expect(in({{"PMIX_RANK", "1"}}), "mpirun", 1, std::nullopt);
  expect(in({{"SLURM_PROCID", "1"}, {"SLURM_STEP_NUM_TASKS", "2"}}), "srun", 1, 2);
}

TEST(Launcher, IsNoneWhereNobodyStartedSeveralRanks) {
  EXPECT_FALSE(in({}));
  EXPECT_FALSE(in({{"SLURM_PROCID", "0"}, {"SLURM_STEP_NUM_TASKS", "1"}}));
  EXPECT_FALSE(in({{"SLURM_PROCID", "0"}, {"SLURM_NTASKS", "8"}})) << "the script of a batch job";
  EXPECT_FALSE(in({{"PMI_RANK", "many"}}));
}

}  // namespace
}  // namespace ds::executor
