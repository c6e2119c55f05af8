#include "simulator/network/flow_times.h"

#include <gtest/gtest.h>

#include <map>
#include <nlohmann/json.hpp>
#include <string>

#include "simulator/base/file.h"

namespace ds::network {
namespace {

using Json = nlohmann::json;

TEST(FlowTimes, AgreeWithEveryMeasuredCase) {
  const Json file =
      Json::parse(read_file(std::string(DS_SOURCE_DIR) + "/profiles/measured/fair_sharing.json"));
  int cases = 0;
  for (const Json& one : file["fair_sharing"]) {
    const std::string id = one["id"];
    SCOPED_TRACE(id);
    std::vector<double> capacities;
    std::map<std::string, std::int32_t> link;
    for (const Json& l : one["links"]) {
      link[l["id"]] = static_cast<std::int32_t>(capacities.size());
      capacities.push_back(l["bytes_per_s"]);
    }
    std::vector<TimedFlow> flows;
    for (const Json& f : one["flows"]) {
      TimedFlow& flow = flows.emplace_back(TimedFlow{.start_s = f["start_s"], .bytes = f["bytes"]});
      for (const Json& l : f["links"]) flow.links.push_back(link.at(l));
    }
    const std::vector<double> end = finish_times(capacities, flows);
    for (std::size_t i = 0; i < flows.size(); ++i) {
      const double right = one["expected"]["finish_s"][one["flows"][i]["id"].get<std::string>()];
      EXPECT_NEAR(end[i] / right, 1, one["tolerance"]["relative"].get<double>()) << one["flows"][i]["id"];
    }
    ++cases;
  }
  EXPECT_EQ(cases, 14);
}

/// 10 bytes alone for 1 s at rate 6, then shared with a second flow: 4 left at 3 a second.
TEST(FlowTimes, ALateFlowTakesItsShareFromItsStartOn) {
  const double capacities[] = {6};
  const TimedFlow flows[] = {{.start_s = 0, .bytes = 10, .links = {0}},
                             {.start_s = 1, .bytes = 6, .links = {0}},
                             {.start_s = 9, .bytes = 0, .links = {0}}};
  const std::vector<double> end = finish_times(capacities, flows);
  EXPECT_DOUBLE_EQ(end[0], 1 + 4.0 / 3);
  EXPECT_DOUBLE_EQ(end[1], 1 + 4.0 / 3 + 2.0 / 6);  // 4 of its 6 bytes were moved by then
  EXPECT_DOUBLE_EQ(end[2], 9);
}

}  // namespace
}  // namespace ds::network
