// Numbers at the ends of what a double holds, in every place of a file that has a number: an answer whose numbers are numbers, or
// one line with the place. Never a crash, a hang, a null.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "tests/cli/e2e/world.h"

namespace ds::e2e {
namespace {

using Json = nlohmann::json;

constexpr double kTimeLimit = 5;  // s

constexpr double kExtremes[] = {5e-324, 1e-300, 1e-30, 1e-9, 0, 1e19, 1e30, 1.7e308};

const char* const kJob = R"({
  "model": {"family": "gpt", "layers": 4, "hidden": 256, "heads": 4, "ffn_hidden": 1024, "vocab": 1000},
  "cluster": {"node": {"gpu": {"dense_flops_per_s": {"bf16": 312e12, "fp16": 312e12, "fp32": 19e12},
                               "memory_bytes": 80e9, "memory_bytes_per_s": 2e12, "sm_count": 108, "boost_hz": 1.4e9,
                               "l2_bytes": 40e6, "pcie_bytes_per_s": 31e9, "tdp_w": 400},
                       "gpus_per_node": 8, "usable_memory_bytes": 79e9, "max_node_w": 6500,
                       "intra": {"kind": "pcie", "bytes_per_s": 3e11, "latency_s": 1e-6, "sockets": 2,
                                 "socket_bytes_per_s": 2e10},
                       "nics": {"count": 8, "bytes_per_s": 25e9, "reached_bytes_per_s": 20e9}},
              "nodes": 2, "fabric": {"kind": "fat-tree", "bytes_per_s": 1e10, "oversubscription": 2, "latency_s": 1e-6}},
  "train": {"sequence_length": 256, "global_batch": 32, "tokens": 1e9, "learning_rate": 1e-3, "adam_eps": 1e-8},
  "plan": {"tp": 2, "pp": 2, "dp": 4, "micro_batch": 2, "dropout": 0.1},
  "simulate": {"depth": "event"}})";

std::vector<std::string> places_of_numbers(const Json& file) {
  std::vector<std::string> places;
  const Json flat = file.flatten();
  for (const auto& [place, value] : flat.items())
    if (value.is_number()) places.push_back(place);
  return places;
}

bool has_null(const Json& report) {
  const Json flat = report.is_primitive() ? Json::array({report}) : report.flatten();
  return std::ranges::any_of(flat, [](const Json& value) {
    return value.is_null() || (value.is_number_float() && !std::isfinite(value.get<double>()));
  });
}

class Extremes : public World {
 protected:
  void expect_answer(const std::string& job, const std::string& what) const {
    SCOPED_TRACE(what);
    const Ended ended = sim({"run", job, "--report", path("out.json")}, {.address_bytes = 8LL << 30});
    if (ended.status == 2) {
      EXPECT_TRUE(complains(ended, 2));
      return;
    }
    EXPECT_LT(ended.status, 2) << ended.err;
    if (!sanitized()) {
      EXPECT_LT(ended.wall_s, kTimeLimit);
    }
    ASSERT_TRUE(std::filesystem::exists(path("out.json")));
    const Json report = Json::parse(read(path("out.json")));
    EXPECT_FALSE(has_null(report["step_time_s"])) << report["step_time_s"];
    EXPECT_GT(report["step_time_s"].get<double>(), 0);
    std::filesystem::remove(path("out.json"));
  }
};

TEST_F(Extremes, InAJobAreAnsweredOrRefusedByTheirPlace) {
  const Json job = Json::parse(kJob);
  support::Sample sample;
  for (const std::string& place : places_of_numbers(job))
    for (const double extreme : kExtremes) {
      if (!sample.takes()) continue;
      Json changed = job;
      changed[Json::json_pointer(place)] = extreme;
      expect_answer(write("job.json", changed.dump()), place + " " + std::to_string(extreme));
    }
}

std::string many(std::int64_t layers, std::int64_t nodes, std::int64_t batch, std::int64_t pp) {
  return fmt::format(
      R"({{"model": {{"family": "gpt", "layers": {}, "hidden": 256, "heads": 4, "ffn_hidden": 1024, "vocab": 1000,
                    "tied_embeddings": false}},
          "cluster": {{"node": "dgx-h100", "nodes": {}}}, "train": {{"sequence_length": 256, "global_batch": {}}},
          "plan": {{"pp": {}}}}})",
      layers, nodes, batch, pp);
}

/// Numbers of which each is within its limit: together they take a moment, or a line says what they would take.
TEST_F(Extremes, TogetherAreAnsweredSoonOrRefused) {
  const auto run = [&](const std::string& job, const char* depth) {
    return sim({"run", write("many.json", job), "--depth", depth, "-q"}, {.address_bytes = 1LL << 30});
  };
  for (const char* depth : {"event", "analytic"}) {
    const Ended layers = run(many(16384, 1, 8, 1), depth);
    EXPECT_LE(layers.status, 1) << layers.err;
    if (!sanitized()) {
      EXPECT_LT(layers.wall_s, kTimeLimit);
    }
    for (const std::string& job : {many(16384, 2048, 32, 16384), many(64, 8, 65536, 64)}) {
      const Ended stages = run(job, depth);
      EXPECT_TRUE(complains(stages, 2, "plan.pp"));
      EXPECT_NE(stages.err.find("passes"), std::string::npos) << stages.err;
    }
    // Few stages of many layers, each of which many micro-batches pass through.
    EXPECT_TRUE(complains(run(many(16384, 1, 65536, 8), depth), 2, "plan.micro_batch"));
    // Four million GPUs in a thousand stages, each of which meets all others in the norm.
    const Ended ranks = run(many(1024, 524288, 8192, 1024), depth);
    EXPECT_LE(ranks.status, 1) << ranks.err;
    if (!sanitized()) {
      EXPECT_LT(ranks.wall_s, 2 * kTimeLimit);
    }
    EXPECT_TRUE(complains(run(many(1024, 1048576, 8192, 1024), depth), 2, "cluster.nodes"));
  }
  // What is played instruction by instruction has a lower limit, and analytic depth says the rest.
  const std::string long_step = many(4096, 1, 128, 8);
  EXPECT_TRUE(complains(run(long_step, "event"), 2, "simulate.depth"));
  EXPECT_LE(run(long_step, "analytic").status, 1);
}

/// Each module predicts a token further and is looked at with all before it.
TEST_F(Extremes, ModulesThatPredictTokensAreAFew) {
  const std::string job = write("deep.json", R"({"cluster": {"node": "dgx-h100", "nodes": 1},
      "model": {"family": "gpt", "layers": 2, "hidden": 64, "heads": 2, "ffn_hidden": 128, "vocab": 256,
                "mtp_layers": 128}, "train": {"sequence_length": 128, "global_batch": 8}})");
  const Ended most = sim({"run", job, "-q"}, {.address_bytes = 1LL << 30});
  EXPECT_LE(most.status, 1) << most.err;
  if (!sanitized()) {
    EXPECT_LT(most.wall_s, kTimeLimit);
  }
  EXPECT_TRUE(complains(sim({"run", job, "--set", "model.mtp_layers=129"}), 2, "model.mtp_layers"));
}

/// Each GPU of a mesh has a link to each other.
TEST_F(Extremes, AMeshOfThousandsOfGpusIsRefused) {
  const std::string job =
      write("mesh.json", R"({"model": "gpt-3m", "train": {"sequence_length": 128, "global_batch": 4096},
      "cluster": {"nodes": 1, "node": {"gpu": "h100-sxm5-80g", "gpus_per_node": 4096,
                                       "intra": {"kind": "nvlink-mesh", "bytes_per_s": 1e11}}}})");
  EXPECT_TRUE(complains(sim({"run", job}), 2, "cluster.node.gpus_per_node"));
  const Ended ended =
      sim({"run", job, "--set", "cluster.node.intra.kind=nvswitch"}, {.address_bytes = 300LL << 20});
  EXPECT_LE(ended.status, 1) << ended.err;
  if (!sanitized()) {
    EXPECT_LT(ended.wall_s, kTimeLimit);
  }
}

TEST_F(Extremes, InAProfileAreAnsweredOrRefusedByTheirPlace) {
  const Json profile = Json::parse(read(std::string(DS_SOURCE_DIR) + "/tests/golden/profile.json"));
  const std::string job =
      write("job.json", R"({"model": "gpt-3m", "cluster": {"node": "./profile.json", "nodes": 1},
                            "train": {"sequence_length": 32, "global_batch": 4}, "plan": {"dp": 2}})");
  support::Sample sample;
  for (const std::string& place : places_of_numbers(profile)) {
    // The first point of each table stands for all.
    if (place.starts_with("/tables") && place.find("/points/0") == std::string::npos) continue;
    if (place.starts_with("/provenance")) continue;
    for (const double extreme : {5e-324, 1e-30, 0.0, 1e15, 1.7e308}) {
      if (!sample.takes()) continue;
      Json changed = profile;
      changed[Json::json_pointer(place)] = extreme;
      write("profile.json", changed.dump());
      expect_answer(job, place + " " + std::to_string(extreme));
    }
  }
}

/// A point alone: no line can be drawn through it.
TEST_F(Extremes, InAProfileOfOnePointAreAnsweredOrRefused) {
  const std::string job =
      write("job.json",
            R"({"model": {"family": "gpt", "layers": 1, "hidden": 1, "heads": 1, "ffn_hidden": 1, "vocab": 1},
                            "cluster": {"node": "./profile.json", "nodes": 1},
                            "train": {"sequence_length": 1, "global_batch": 2}, "plan": {"dp": 2}})");
  for (const char* const seconds : {"5e-324", "1e-10", "1e-5", "1e6"}) {
    write(
        "profile.json",
        R"({"schema": "ds-profile-1", "machine": {"processor": "x", "cores": 1, "memory_bytes": 1, "instruction_set": "x",
              "blas": "x", "gemm_flops_per_s": 1e6, "memory_bytes_per_s": 1e3}, "clock": "x", "rounds": 1,
              "provenance": {}, "tables": [{"operator": "linear", "pass": "weight gradient", "type": "fp32",
              "accumulate": true, "points": [{"shape": {"tokens": 1, "inputs": 1, "outputs": 1, "bias": true},
              "seconds": )" +
            std::string(seconds) + R"(, "sigma": 1}]}]})");
    expect_answer(job, seconds);
  }
}

TEST_F(Extremes, ATextBehindANulByteIsRead) {
  const std::string job = std::string(kTinyJob) + std::string(1, '\0') + "garbage";
  EXPECT_TRUE(complains(sim({"run", write("job.json", job)}), 2, "line "));
}

TEST_F(Extremes, NodesWithoutCardsStandAlone) {
  Json job = Json::parse(kJob);
  job["cluster"]["node"]["nics"] = {{"count", 0}};
  job["cluster"].erase("fabric");
  EXPECT_TRUE(complains(sim({"run", write("job.json", job.dump())}), 2, "cluster.nodes: 2 must be 1"));
  job["cluster"]["nodes"] = 1, job["plan"]["dp"] = 2;
  EXPECT_EQ(sim({"run", write("job.json", job.dump())}).status, 0);
}

/// Of the kinds of text that files bring in, none reaches the terminal as it stands.
TEST_F(Extremes, EscapeSequencesFromFilesDoNotReachTheTerminal) {
  Json one = {{"id", "a\x1b[31mb\nc\xc2\x9b"},
              {"set", "s\x1b[2J"},
              {"trust", "A"},
              {"source", "x"},
              {"job", Json::parse(kJob)},
              {"measured", {{"step_time_s", 1}}}};
  const Ended ended = sim({"validate", write("cases.json", Json::array({one}).dump())});
  EXPECT_EQ(ended.out.find('\x1b'), std::string::npos) << ended.out;
  EXPECT_EQ(ended.out.find("\xc2\x9b"), std::string::npos) << ended.out;
  EXPECT_NE(ended.out.find("a?[31mb?c?"), std::string::npos) << ended.out;
}

}  // namespace
}  // namespace ds::e2e
