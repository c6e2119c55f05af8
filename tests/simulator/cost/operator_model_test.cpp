// Laws of a predicted time, over sizes far outside of what was measured.
#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <algorithm>
#include <cmath>

#include "simulator/cost/cost.h"
#include "simulator/ops/fields.h"

namespace ds::cost {
namespace {

Profile golden_profile() { return read_profile(std::string(DS_SOURCE_DIR) + "/tests/golden/profile.json"); }

/// 1 to 2^most, every power of two as likely as the others.
std::int64_t any_size(int most) { return std::llround(std::exp2(*rc::gen::inRange(0, 8 * most + 1) / 8.0)); }

/// Any size for every dimension; switches are those of `what`. Five sizes may be multiplied and stay below 2^63.
ops::What of_any_size(ops::What what) {
  const int most = std::holds_alternative<ops::Attention>(what) ? 12 : 18;
  std::visit(
      [&](auto& w) {
        ops::for_each_field(w, [&](const char*, auto& field) {
          if constexpr (std::same_as<std::remove_reference_t<decltype(field)>, std::int64_t>)
            field = any_size(most);
        });
      },
      what);
  return what;
}

ops::Op any_op(const Profile& profile, DataType type) {
  const Table& table = *rc::gen::elementOf(profile.tables);
  return {of_any_size(table.points.front().what), table.pass, type, table.accumulate};
}

const Table& table_of(const Profile& profile, const ops::Op& op) {
  return *std::ranges::find_if(profile.tables, [&](const Table& table) {
    return table.kind == ops::kind_name(op.what) && table.pass == op.pass;
  });
}

/// FLOP/s of products, bytes/s of everything else, at the fastest measured point.
double fastest_rate(const Table& table) {
  double fastest = 0;
  for (const Point& point : table.points)
    fastest = std::max(fastest,
                       features({point.what, table.pass, table.type, table.accumulate}).work / point.seconds);
  return fastest;
}

TEST(OperatorModelLaws, NoProductBeatsTheBestMatrixProduct) {
  const Profile profile = golden_profile();
  const OperatorModel model(profile);
  EXPECT_TRUE(rc::check("FLOP / gemm_peak", [&] {
    const DataType type = *rc::gen::element(DataType::fp32, DataType::fp64);
    const ops::Op op = any_op(profile, type);
    const Features x = features(op);
    RC_PRE(x.product);
    // A vector of fp64 holds half as many numbers.
    const double peak = profile.gemm_peak.value / (type == DataType::fp64 ? 2 : 1);
    RC_ASSERT(model.time(op).seconds.value >= x.work / peak * (1 - 1e-12));
  }));
}

TEST(OperatorModelLaws, NoOperatorIsMuchFasterThanTheFastestMeasuredOfItsClass) {
  const Profile profile = golden_profile();
  const OperatorModel model(profile);
  EXPECT_TRUE(rc::check("rate", [&] {
    const ops::Op op = any_op(profile, DataType::fp32);
    const double rate = features(op).work / model.time(op).seconds.value;
    RC_ASSERT(rate <= 1.11 * fastest_rate(table_of(profile, op)));
  }));
}

/// Of a table of one point nothing is known but its rate.
TEST(OperatorModelLaws, AClassOfOnePointHasOneRate) {
  const ops::Add measured{.tokens = 64, .width = 64};
  Profile profile = rough_profile();
  profile.tables = {
      {"residual add", ops::Pass::forward, DataType::fp32, false, {{.what = measured, .seconds = 1e-6}}}};
  const OperatorModel model(profile);
  EXPECT_TRUE(rc::check("one rate", [&] {
    const ops::Op op{of_any_size(measured), ops::Pass::forward, DataType::fp32};
    const double work = features(op).work / features({measured}).work;
    RC_ASSERT(std::abs(model.time(op).seconds.value / (1e-6 * work) - 1) < 1e-9);
  }));
}

TEST(OperatorModel, HitsAMeasuredPoint) {
  const Profile profile = golden_profile();
  const OperatorModel model(profile);
  for (const Table& table : profile.tables)
    for (const Point& point : table.points) {
      const ops::Op op{point.what, table.pass, table.type, table.accumulate};
      SCOPED_TRACE(ops::class_name(op));
      // Neighbours pull a little; products are held back at the peak.
      const double least = features(op).product ? features(op).work / profile.gemm_peak.value : 0.0;
      EXPECT_NEAR(model.time(op).seconds.value / std::max(point.seconds, least), 1, 0.02);
    }
}

}  // namespace
}  // namespace ds::cost
