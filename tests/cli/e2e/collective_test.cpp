// `ds-sim collective`: what it says of one collective, and what it answers to files that are no good spec.

#include <nlohmann/json.hpp>

#include "tests/cli/e2e/world.h"

namespace ds::e2e {
namespace {

using Json = nlohmann::json;

/// 64 MB to each of 16 ranks: 15 steps of 4 MB at 1 GB/s, and of 1 ms.
constexpr const char* kSpec = R"({"collective": "all_gather", "bytes": 64e6, "algorithm": "ring",
  "topology": {"dimensions": [{"kind": "ring", "size": 16, "link_bytes_per_s": 1e9, "latency_s": 1e-3}]}})";

class CollectiveCommand : public World {
 protected:
  CollectiveCommand() : spec(write("spec.json", kSpec)) {}
  Json reported(const Words& more) const {
    Words words{"collective", spec, "--json"};
    words.insert(words.end(), more.begin(), more.end());
    const Ended ended = sim(words);
    EXPECT_EQ(ended.status, 0) << ended.err;
    EXPECT_EQ(schema_faults("collective", ended.out), "");
    return Json::parse(ended.out);
  }
  std::string spec;
};

TEST_F(CollectiveCommand, SaysTimeBandwidthStepsAndBytes) {
  const Json report = reported({});
  EXPECT_NEAR(report["time_s"].get<double>(), 15 * 5e-3, 1e-15);
  EXPECT_NEAR(report["without_latency_s"].get<double>(), 15 * 4e-3, 1e-15);
  EXPECT_NEAR(report["algorithm_bytes_per_s"].get<double>(), 64e6 / 0.075, 1);
  EXPECT_NEAR(report["bus_bytes_per_s"].get<double>(), 60e6 / 0.075, 1);
  EXPECT_EQ(report["steps"], 15);
  EXPECT_EQ(report["ranks"], 16);
  EXPECT_EQ(report["bound"], "dimension 0");
  EXPECT_NEAR(report["links"][0]["bytes"].get<double>(), 16 * 60e6, 1);
  EXPECT_NEAR(report["links"][0]["busy"].get<double>(), 0.8, 1e-12);
  const Ended text = sim({"collective", spec});
  for (const char* part : {"all_gather of 64.0 MB over 16 ranks: ring", "75.0 ms in 15 steps",
                           "853 MB/s of the algorithm, 800 MB/s of the bus", "bound by dimension 0"})
    EXPECT_NE(text.out.find(part), std::string::npos) << text.out;
}

TEST_F(CollectiveCommand, ValuesMayBeChangedAndSizesSwept) {
  EXPECT_EQ(reported({"--set", "bytes=0"})["bound"], "latency");
  EXPECT_EQ(reported({"--set", "topology.dimensions[0].size=1"})["bound"], "nothing");
  const Json sweep = reported({"--sweep"})["sweep"];
  ASSERT_EQ(sweep.size(), 13U);
  EXPECT_EQ(sweep.front()["bytes"], 1024);
  for (std::size_t i = 1; i < sweep.size(); ++i) EXPECT_GT(sweep[i]["time_s"], sweep[i - 1]["time_s"]);
  const Ended from_input = sim({"collective", "-", "-q", "--report", path("r.json")}, {.input = spec});
  EXPECT_EQ(from_input.status, 0) << from_input.err;
  EXPECT_TRUE(std::filesystem::exists(path("r.json")));
}

/// Of what is on a cluster, the kind of link that is full is named.
TEST_F(CollectiveCommand, NamesTheLinksThatAreFull) {
  const Json cluster = {{"nodes", 4},
                        {"node",
                         {{"gpus", 2},
                          {"gpu_link_bytes_per_s", 1e10},
                          {"latency_s", 0},
                          {"nics", 1},
                          {"nic_bytes_per_s", 1e9}}},
                        {"fabric", {{"latency_s", 0}}}};
  const Json report = reported({"--set", "topology=" + Json{{"cluster", cluster}}.dump()});
  EXPECT_EQ(report["bound"], "nic");
  EXPECT_EQ(report["links"].size(), 2U);
}

TEST_F(CollectiveCommand, WhatIsNoSpecIsRefusedSoon) {
  const auto refuse = [&](const std::string& text, const std::string& part) {
    const Ended ended = sim({"collective", write("bad.json", text), "--report", path("r.json")},
                            {.time_limit_s = 20, .address_bytes = 4LL << 30});
    EXPECT_TRUE(complains(ended, 2, part)) << ended.err;
    EXPECT_FALSE(std::filesystem::exists(path("r.json")));
    if (!sanitized()) {
      EXPECT_LT(ended.wall_s, 2);
      EXPECT_LT(ended.resident_bytes, 1LL << 30);
    }
  };
  refuse("{}", "bad.json: collective");
  refuse("[]", "bad.json");
  refuse(std::string(100'000, '['), "bad.json: line 1");
  refuse(R"({"collective": "all_reduce", "bytes": -1})", "bytes");
  refuse(R"({"collective": "all_reduce", "bytes": 1e300})", "bytes");
  refuse(R"({"collective": "all_reduce", "bytes": 1, "topology": {}, "algorithm": "ring"})", "topology");
  refuse(R"({"collective": "all_reduce", "bytes": 1, "topology": {"dimensions": [], "cluster": {}}})",
         "topology");
  std::string dimensions;
  for (int i = 0; i < 20'000; ++i)
    dimensions += R"({"kind": "ring", "size": 4194304, "link_bytes_per_s": 1, "latency_s": 0},)";
  dimensions.pop_back();
  refuse(R"({"collective": "all_reduce", "bytes": 1, "algorithm": "ring", "topology": {"dimensions": [)" +
             dimensions + "]}}",
         "topology.dimensions");
  refuse(
      R"({"collective": "all_reduce", "bytes": 1, "algorithm": "direct", "topology": {"cluster": {"nodes": 1048576,
    "node": {"gpus": 4, "gpu_link_bytes_per_s": 1, "latency_s": 0, "nics": 0, "nic_bytes_per_s": 1}, "fabric": {"latency_s": 0}}}})",
      "topology.cluster.node.nics");
}

/// Taken, and answered in finite numbers.
TEST_F(CollectiveCommand, TheLargestSpecsAreAnswered) {
  const Json report = reported({"--set", "bytes=1e18", "--set", "topology.dimensions[0].size=4194304",
                                "--set", "topology.dimensions[0].link_bytes_per_s=1e-3", "--set",
                                "topology.dimensions[0].latency_s=1e9", "--sweep"});
  EXPECT_GT(report["time_s"], 1e15);
  EXPECT_EQ(sim({"collective", spec, "--set", "bytes=1e18", "--set", "topology.dimensions[0].latency_s=1e9"})
                .status,
            0);
}

}  // namespace
}  // namespace ds::e2e
