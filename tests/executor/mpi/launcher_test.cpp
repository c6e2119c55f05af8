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
  EXPECT_FALSE(in({{"PMI_RANK", ""}})) << "as scripts take a variable away";
}

TEST(Launcher, VariablesThatCannotBeAreRefusedByName) {
  const auto refusal = [](const std::map<std::string, std::string>& environment) {
    try {
      static_cast<void>(in(environment));
    } catch (const InputError& error) {
      return std::string(error.what());
    }
    return std::string("taken");
  };
  const std::pair<const char*, const char*> pairs[] = {{"OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_SIZE"},
                                                       {"SLURM_PROCID", "SLURM_STEP_NUM_TASKS"},
                                                       {"PMI_RANK", "PMI_SIZE"}};
  for (const auto& [rank, size] : pairs) {
    for (const char* value :
         {"-1", "many", "1e3", "0x1", " 1", "1 ", "1.0", "+1", "2147483648", "99999999999999999999"}) {
      EXPECT_TRUE(refusal({{rank, value}, {size, "4"}}).starts_with(std::string(rank) + ": is '" + value))
          << value;
      EXPECT_TRUE(refusal({{rank, "0"}, {size, value}}).starts_with(std::string(size) + ": is '" + value))
          << value;
    }
    EXPECT_TRUE(refusal({{rank, "0"}, {size, "0"}}).starts_with(size));
    EXPECT_TRUE(
        refusal({{rank, "4"}, {size, "4"}}).starts_with(std::string(rank) + ": is 4, must be below " + size));
    EXPECT_TRUE(
        refusal({{size, "4"}}).starts_with(std::string(size) + ": is 4, and " + rank + " is missing"));
  }
  EXPECT_TRUE(refusal({{"PMIX_RANK", "-3"}}).starts_with("PMIX_RANK: is '-3'"));
}

/// As where the mpirun of one MPI starts the program of another: every rank is alone.
TEST(Launcher, IsContradictedByAnMpiThatCountsOtherwise) {
  const Launched third{.by = "mpirun", .rank = 3, .ranks = 4};
  EXPECT_FALSE(contradiction(third, 3, 4));
  ASSERT_TRUE(contradiction(third, 0, 1));
  EXPECT_TRUE(std::string(contradiction(third, 0, 1)->what())
                  .starts_with("mpirun says that this is rank 3 of 4, and MPI that it is rank 0 of 1"));
  EXPECT_TRUE(contradiction({.by = "srun", .rank = 0, .ranks = 2}, 0, 1));
  EXPECT_FALSE(contradiction({.by = "mpirun", .rank = 0, .ranks = std::nullopt}, 0, 1));
}

}  // namespace
}  // namespace ds::executor
