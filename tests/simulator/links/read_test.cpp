// What a spec may say, and how what it may not is answered.
#include <gtest/gtest.h>

#include "simulator/base/error.h"
#include "simulator/links/links.h"

namespace ds::links {
namespace {

constexpr const char* kRing8 =
    R"({"dimensions": [{"kind": "ring", "size": 8, "link_bytes_per_s": 1e9, "latency_s": 0}]})";
constexpr const char* kRing8x2 =
    R"({"dimensions": [{"kind": "ring", "size": 8, "link_bytes_per_s": 1e9, "latency_s": 0},
  {"kind": "switch", "size": 2, "link_bytes_per_s": 1e9, "latency_s": 0}]})";
constexpr const char* kNodes =
    R"({"cluster": {"nodes": 3, "node": {"gpus": 2, "gpu_link_bytes_per_s": 1e9, "latency_s": 0,
  "nics": 1, "nic_bytes_per_s": 1e8}, "fabric": {"latency_s": 0}}})";

std::string spec(const std::string& what, const std::string& algorithm, const std::string& topology,
                 const std::string& more = "") {
  return R"({"collective": ")" + what + R"(", "bytes": 1e6, "algorithm": )" + algorithm +
         R"(, "topology": )" + topology + more + "}";
}

std::string refusal(const std::string& text) {
  const Document document = parse_document(text, "spec.json");
  try {
    read_spec(document.root());
  } catch (const InputError& error) {
    return error.what();
  }
  return "taken";
}

void expect_refusal(const std::string& text, const std::string& path, const std::string& part) {
  const std::string answer = refusal(text);
  EXPECT_TRUE(answer.starts_with("spec.json: " + path)) << answer;
  EXPECT_NE(answer.find(part), std::string::npos) << answer;
}

TEST(ReadSpec, WhatHasStepsIsTaken) {
  for (const char* what : {"all_reduce", "all_gather", "reduce_scatter"})
    for (const char* algorithm : {R"("ring")", R"("direct")", R"("halving_doubling")"})
      EXPECT_EQ(refusal(spec(what, algorithm, kRing8)), "taken");
  EXPECT_EQ(refusal(spec("all_to_all", R"("relay")", kNodes)), "taken");
  EXPECT_EQ(refusal(spec("all_to_all", R"(["direct", "relay"])", kRing8x2)), "taken");
  EXPECT_EQ(refusal(spec("all_reduce", R"("grid2d")", kNodes)), "taken");
  EXPECT_EQ(refusal(spec("all_reduce", R"("ring")", kNodes, R"(, "rings": 7, "note": "any")")), "taken");
  EXPECT_EQ(refusal(std::string(R"({"collective": "send_recv", "bytes": 1, "topology": )") + kRing8 + "}"),
            "taken");
}

TEST(ReadSpec, WhatHasNoneIsRefusedByName) {
  expect_refusal(spec("all_sum", R"("ring")", kRing8), "collective", "all_reduce");
  expect_refusal(spec("all_reduce", R"("relay")", kRing8), "algorithm", "all_to_all");
  expect_refusal(spec("all_to_all", R"("ring")", kRing8), "algorithm", "direct and relay");
  expect_refusal(spec("all_reduce", R"("grid2d")", kRing8), "algorithm", "cluster");
  expect_refusal(spec("all_reduce", R"("tree")", kRing8), "algorithm", "not played yet");
  expect_refusal(spec("all_reduce", R"("hierarchical")", kNodes), "algorithm", "not played yet");
  expect_refusal(spec("all_reduce", R"("halving_doubling")", kNodes), "algorithm", "powers of two");
  expect_refusal(spec("all_reduce", R"(["ring", "grid2d"])", kRing8x2), "algorithm[1]", "cluster");
}

TEST(ReadSpec, AListHasAnAlgorithmForEachDimension) {
  expect_refusal(spec("all_reduce", R"("ring")", kRing8x2), "algorithm", "1 algorithm for 2 dimensions");
  expect_refusal(spec("all_reduce", R"(["ring"])", kRing8x2), "algorithm", "1 algorithm for 2 dimensions");
  expect_refusal(spec("all_reduce", R"(["ring", "ring", "ring"])", kRing8x2), "algorithm", "3 algorithms");
  expect_refusal(spec("all_reduce", R"([])", kRing8), "algorithm", "0 algorithms");
  EXPECT_EQ(refusal(spec("all_reduce", R"(["ring"])", kRing8)), "taken");
}

TEST(ReadSpec, RingsAreForRingsOnAClusterAlone) {
  expect_refusal(spec("all_reduce", R"("ring")", kRing8, R"(, "rings": 2)"), "rings", "cluster");
  expect_refusal(spec("all_reduce", R"("grid2d")", kNodes, R"(, "rings": 2)"), "rings", "ring");
  expect_refusal(spec("all_reduce", R"("ring")", kNodes, R"(, "rings": 0)"), "rings", "0");
  EXPECT_EQ(refusal(spec("all_reduce", R"("ring")", kRing8, R"(, "rings": 1)")), "taken");
}

TEST(ReadSpec, NumbersHaveTheirBounds) {
  const auto dimension = [](const char* text) {
    return spec("all_reduce", R"("ring")", std::string(R"({"dimensions": [)") + text + "]}");
  };
  const std::string path = "topology.dimensions[0].";
  expect_refusal(dimension(R"({"kind": "ring", "size": 0, "link_bytes_per_s": 1e9, "latency_s": 0})"),
                 path + "size", "0");
  expect_refusal(dimension(R"({"kind": "ring", "size": 1.5, "link_bytes_per_s": 1e9, "latency_s": 0})"),
                 path + "size", "1.5");
  expect_refusal(dimension(R"({"kind": "ring", "size": 1e15, "link_bytes_per_s": 1e9, "latency_s": 0})"),
                 path + "size", "4194304");
  expect_refusal(dimension(R"({"kind": "ring", "size": 2, "link_bytes_per_s": 0, "latency_s": 0})"),
                 path + "link_bytes_per_s", "0");
  expect_refusal(dimension(R"({"kind": "ring", "size": 2, "link_bytes_per_s": "1e9", "latency_s": 0})"),
                 path + "link_bytes_per_s", "number");
  expect_refusal(dimension(R"({"kind": "ring", "size": 2, "link_bytes_per_s": 1e9, "latency_s": -1})"),
                 path + "latency_s", "-1");
  expect_refusal(dimension(R"({"kind": "torus", "size": 2, "link_bytes_per_s": 1e9, "latency_s": 0})"),
                 path + "kind", "torus");
  expect_refusal(dimension(""), "topology.dimensions", "");
}

TEST(ReadSpec, WhatWouldTakeTooLongIsRefused) {
  const std::string huge = R"({"kind": "switch", "size": 4e6, "link_bytes_per_s": 1e9, "latency_s": 0})";
  expect_refusal(spec("all_reduce", R"(["ring", "ring"])", R"({"dimensions": [)" + huge + "," + huge + "]}"),
                 "topology.dimensions", "1.6e+13 ranks");
  const std::string ring =
      R"({"dimensions": [{"kind": "ring", "size": 128, "link_bytes_per_s": 1e9, "latency_s": 0}]})";
  expect_refusal(spec("all_reduce", R"("halving_doubling")", ring), "algorithm", "at most 64");
  const std::string nodes =
      R"({"cluster": {"nodes": 1e6, "node": {"gpus": 4, "gpu_link_bytes_per_s": 1e9, "latency_s": 0,
    "nics": 1, "nic_bytes_per_s": 1e8}, "fabric": {"latency_s": 0}}})";
  expect_refusal(spec("all_reduce", R"("ring")", nodes), "topology", "messages");
  EXPECT_EQ(refusal(spec("all_to_all", R"("relay")", nodes)), "taken");
}

TEST(ReadFlows, LinksAreKnownAndEachIsTakenOnce) {
  const auto answer = [](const std::string& flow) -> std::string {
    const Document document =
        parse_document(R"({"links": [{"id": "a", "bytes_per_s": 5}], "flows": [)" + flow + "]}", "f.json");
    try {
      read_flow_set(document.root());
    } catch (const InputError& error) {
      return error.what();
    }
    return "taken";
  };
  EXPECT_EQ(answer(R"({"id": "x", "bytes": 1, "links": ["a"]})"), "taken");
  EXPECT_NE(answer(R"({"id": "x", "bytes": 1, "links": ["b"]})").find("f.json: flows[0].links[0]: \"b\""),
            std::string::npos);
  EXPECT_NE(
      answer(R"({"id": "x", "bytes": 1, "links": ["a", "a"]})").find("flows[0].links: has a link twice"),
      std::string::npos);
  EXPECT_NE(answer(R"({"id": "x", "bytes": 1, "links": []})").find("flows[0].links"), std::string::npos);
  EXPECT_NE(answer(R"({"id": "x", "bytes": -1, "links": ["a"]})").find("flows[0].bytes"), std::string::npos);
  EXPECT_NE(answer(R"({"id": "x", "bytes": 1, "links": ["a"], "start_s": -1})").find("flows[0].start_s"),
            std::string::npos);
  EXPECT_NE(answer(R"({"id": "x", "bytes": 1, "links": ["a"]}, {"id": "x", "bytes": 1, "links": ["a"]})")
                .find("flows[1].id: \"x\" is there twice"),
            std::string::npos);
}

}  // namespace
}  // namespace ds::links
