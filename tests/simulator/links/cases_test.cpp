// All cases that independent programs have answered.
#include <gtest/gtest.h>

#include <cmath>

#include "simulator/links/links.h"

namespace ds::links {
namespace {

Document measured(const std::string& name) {
  return read_document(std::string(DS_SOURCE_DIR) + "/profiles/measured/" + name);
}

double tolerance(const Cursor& one) { return one.member("tolerance").member("relative").real(); }

TEST(Cases, EveryCollectiveTakesAsLongAsInAnotherProgram) {
  const Document file = measured("collectives.json");
  int cases = 0;
  for (const Cursor& one : file.root().member("collectives").list()) {
    SCOPED_TRACE(one.member("id").text());
    const double right = one.member("expected").member("time_s").real();
    EXPECT_NEAR(time_of(read_spec(one.member("spec"))).value / right, 1, tolerance(one));
    ++cases;
  }
  EXPECT_EQ(cases, 48);
}

TEST(Cases, EveryFlowEndsWhenItDoesInAnotherProgram) {
  const Document file = measured("fair_sharing.json");
  int cases = 0;
  for (const Cursor& one : file.root().member("fair_sharing").list()) {
    SCOPED_TRACE(one.member("id").text());
    const FlowSet set = read_flow_set(one);
    const std::vector<double> ends = finish_times(set);
    for (std::size_t i = 0; i < ends.size(); ++i) {
      const double right = one.member("expected").member("finish_s").member(set.names[i]).real();
      EXPECT_NEAR(ends[i] / right, 1, tolerance(one)) << set.names[i];
    }
    ++cases;
  }
  EXPECT_EQ(cases, 14);
}

}  // namespace
}  // namespace ds::links
