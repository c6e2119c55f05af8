#include "simulator/cost/evidence.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "simulator/base/json.h"
#include "simulator/workload/presets.h"
#include "simulator/workload/workload.h"

namespace ds::cost {
namespace {

workload::Job job_on(const std::string& node, const std::string& plan = R"({"precision": "bf16"})",
                     const std::string& model = "llama3-8b", int nodes = 2) {
  return workload::read_job_text(fmt::format(R"({{"model": "{}", "cluster": {{"node": {}, "nodes": {}}},
                       "train": {{"sequence_length": 4096, "global_batch": 64}}, "plan": {}}})",
                                             model, node, nodes, plan),
                                 "");
}

constexpr const char* kInvented =
    R"({"gpu": {"dense_flops_per_s": {"bf16": 5e14, "fp16": 5e14, "fp32": 3e13}, "memory_bytes": 80e9,
                "memory_bytes_per_s": 3e12}, "gpus_per_node": 8,
        "intra": {"kind": "nvswitch", "bytes_per_s": 300e9}, "nics": {"count": 8, "bytes_per_s": 50e9}})";

TEST(Evidence, IsOfTheMachineItselfWhereThatWasMeasured) {
  const auto there = evidence_of(job_on(R"("dgx-h100")"), Fitted::all);
  ASSERT_TRUE(there);
  EXPECT_EQ(there->on, "dgx-h100");
  EXPECT_EQ(there->like.substr(0, 10), "in 16 bits");
  EXPECT_TRUE(there->measured_there);
  EXPECT_GE(there->runs, 3);
  EXPECT_LT(there->mean_error, 0.1);
}

/// The same GPU in a machine that nobody measured: constants had not seen it, so it is less sure.
TEST(Evidence, IsOfTheGpuWhereTheMachineIsNew) {
  const std::string node =
      R"({"gpu": "h100-sxm5-80g", "gpus_per_node": 8, "intra": {"kind": "nvswitch", "bytes_per_s": 450e9},
          "nics": {"count": 4, "bytes_per_s": 50e9}})";
  const auto there = evidence_of(job_on(R"("dgx-h100")"), Fitted::all),
             elsewhere = evidence_of(job_on(node), Fitted::all);
  ASSERT_TRUE(there && elsewhere);
  EXPECT_EQ(elsewhere->on, "h100-sxm5-80g");
  EXPECT_FALSE(elsewhere->measured_there);
  EXPECT_GT(elsewhere->runs, there->runs);
  EXPECT_GT(elsewhere->sigma, there->sigma);
}

TEST(Evidence, OfAnInventedGpuIsWhatPredictionsWithoutFittedConstantsWereOff) {
  const auto evidence = evidence_of(job_on(kInvented), Fitted::all);
  ASSERT_TRUE(evidence);
  EXPECT_EQ(evidence->on, "any GPU");
  EXPECT_EQ(evidence->like, "dense");
  EXPECT_GT(evidence->runs, 200);
  EXPECT_GT(evidence->sigma, 0.1);
}

TEST(Evidence, KeepsExpertsApart) {
  const auto evidence = evidence_of(job_on(R"("dgx-h100")", R"({"ep": 8})", "mixtral-8x7b"), Fitted::all);
  ASSERT_TRUE(evidence);
  EXPECT_NE(evidence->like.find("with experts"), std::string::npos) << evidence->like;
}

TEST(Evidence, IsWiderWithoutFittedConstants) {
  const workload::Job job = job_on(R"("dgx-h100")");
  EXPECT_GT(evidence_of(job, Fitted::none)->sigma, evidence_of(job, Fitted::all)->sigma);
}

TEST(Evidence, IsNotAskedForOnProcessors) {
  EXPECT_FALSE(evidence_of(job_on(R"("localhost")", "{}", "gpt-3m", 1), Fitted::all));
}

/// Each run is one of profiles/measured, once.
TEST(Evidence, RunsAreThoseOfTheMeasuredFiles) {
  const auto cases_of = [](const std::string& name) {
    std::vector<std::string> ids;
    const Document document = read_document(workload::profiles_directory() / "measured" / name);
    for (const Cursor& one : document.root().list()) ids.push_back(one.member("id").text());
    return ids;
  };
  std::vector<std::string> known;
  for (const char* name : {"training_steps.json", "mlperf.json", "dgxc.json", "megatron.json"})
    for (std::string& id : cases_of(name)) known.push_back(std::move(id));
  const Document document = read_document(workload::profiles_directory() / "evidence.json");
  std::vector<std::string> listed;
  for (const Cursor& run : document.root().member("runs").list()) listed.push_back(run.member("id").text());
  EXPECT_GT(listed.size(), 300U);
  for (const std::string& id : listed) {
    EXPECT_EQ(std::ranges::count(known, id), 1) << id;
    EXPECT_EQ(std::ranges::count(listed, id), 1) << id;
  }
}

}  // namespace
}  // namespace ds::cost
