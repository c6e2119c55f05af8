#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "simulator/base/hash.h"
#include "tests/simulator/workload/jobs.h"

namespace ds::workload {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kCpuJob = R"({
  "model": "llama-3m", "cluster": {"node": "localhost", "nodes": 1},
  "train": {"sequence_length": 128, "global_batch": 8}})";

class Localhost : public testing::Test {
 protected:
  void SetUp() override {
    std::string name = (fs::temp_directory_path() / "ds-cache-XXXXXX").string();
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    cache_ = name;
    ::setenv("XDG_CACHE_HOME", cache_.c_str(), 1);
  }
  void TearDown() override {
    ::unsetenv("XDG_CACHE_HOME");
    fs::remove_all(cache_);
  }
  static Job read(const std::vector<std::string_view>& overrides = {}) {
    return read_job_text(kCpuJob, "job.json", overrides);
  }
  fs::path cache_;
};

TEST_F(Localhost, IsOneRankOfOurOwnStackUnlessThePlanSaysMore) {
  const Job job = read();
  EXPECT_TRUE(job.cluster.cpu());
  EXPECT_EQ(job.cluster.ranks(), 1);
  EXPECT_EQ(job.software, "ds-exec");
  EXPECT_EQ(job.plan.precision, Precision::fp32);
  EXPECT_FALSE(job.plan.overlap.grad_reduce);
  EXPECT_EQ(job.plan.zero, 0);
  EXPECT_EQ(job.cluster.groups[0].node.profile_path, "");
  EXPECT_EQ(assumed(job, "cluster.node"), "a rough default");
  EXPECT_NO_THROW(check_supported(job));
}

TEST_F(Localhost, SharesTheMachinesMemoryAmongTheRanks) {
  const double one = read().cluster.groups[0].node.memory_bytes_per_gpu;
  const Job four = read({"plan.tp=2", "plan.dp=2"});
  EXPECT_EQ(four.cluster.ranks(), 4);
  EXPECT_DOUBLE_EQ(four.cluster.groups[0].node.memory_bytes_per_gpu, one / 4);
  EXPECT_EQ(read({"cluster.ranks=4", "plan.tp=2"}).plan.dp, 2);
}

TEST_F(Localhost, UsesItsLastCalibration) {
  fs::create_directories(cache_ / "ds");
  const std::string profile = R"({"schema": "ds-profile-1", "machine": {"memory_bytes": 8e9}})";
  std::ofstream(cache_ / "ds" / "localhost.json") << profile;
  const Job job = read();
  EXPECT_EQ(job.cluster.groups[0].node.profile_path, (cache_ / "ds" / "localhost.json").string());
  EXPECT_EQ(job.cluster.groups[0].node.profile_hash, hex(hash_of(profile)));
}

TEST_F(Localhost, ProfilesMayBeNamedByPathAndAreRefusedWhenBroken) {
  const fs::path file = cache_ / "cpu.json";
  std::ofstream(file) << R"({"machine": {"memory_bytes": 8e9}})";
  const std::string node = "cluster.node=" + file.string();
  EXPECT_TRUE(read({node}).cluster.cpu());
  EXPECT_DOUBLE_EQ(read({node}).cluster.groups[0].node.memory_bytes_per_gpu,
                   8e9);  // of the machine that was measured
  for (const char* broken : {"[", "{}", R"({"machine": {"memory_bytes": -1}})"}) {
    std::ofstream(file) << broken;
    EXPECT_THROW(read({node}), InputError) << broken;
  }
}

TEST_F(Localhost, RefusesRanksOnGpus) {
  EXPECT_EQ(
      refusal({"cluster.ranks=4"}),
      "job.json: cluster.ranks: is for localhost and CPU profiles only; GPUs follow from cluster.nodes");
}

TEST_F(Localhost, WhatIsNotBuiltYetIsNamed) {
  for (const char* feature :
       {"plan.cp=2", "plan.precision=bf16", "plan.attention=flash2", "plan.dropout=0.1", "plan.zero=2",
        "plan.fusion=false", "plan.sparsity=2:4", "plan.offload.optimizer=true", "plan.batch_shares=[8]",
        "plan.placement=dp-tp-cp-ep-pp", "plan.schedule=zb-h1", "software=megatron-te"}) {
    const std::string assignment = feature;
    try {
      check_supported(read({assignment}));
      ADD_FAILURE() << feature << " passed";
    } catch (const InputError& error) {
      EXPECT_EQ(error.path(), assignment.substr(0, assignment.find('='))) << error.what();
      EXPECT_NE(std::string(error.what()).find("not supported yet"), std::string::npos) << error.what();
    }
  }
}

}  // namespace
}  // namespace ds::workload
