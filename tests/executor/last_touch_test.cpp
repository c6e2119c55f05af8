// Calibration finds operands where a step would.
#include "executor/calibrate/last_touch.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "executor/calibrate/calibrate.h"

namespace ds::executor {
namespace {

using ops::Op;
using ops::Pass;
using ops::Role;

LastTouch of(const Op& op, std::string_view name) {
  const ops::Operands operands = ops::operands(op);
  const int i = operands.find(name);
  EXPECT_GE(i, 0) << name;
  return last_touch(op, operands[i]);
}

TEST(LastTouch, OfWeightsGradientsAndStatesIsLongAgo) {
  for (const Op& op : calibration_grid())
    for (const ops::Operand& operand : ops::operands(op)) {
      const bool kept =
          operand.role == Role::weight || operand.role == Role::gradient || operand.role == Role::state;
      if (kept) {
        EXPECT_EQ(last_touch(op, operand), LastTouch::long_ago) << ops::class_name(op) << ' ' << operand.name;
      }
    }
}

/// An operator follows the one that made what it reads.
TEST(LastTouch, OfOneOperandAtLeastOfEveryLayerOperatorIsJustNow) {
  for (const Op& op : calibration_grid()) {
    if (op.pass == Pass::update) continue;
    const ops::Operands operands = ops::operands(op);
    EXPECT_TRUE(std::ranges::any_of(operands, [&](const ops::Operand& operand) {
      return last_touch(op, operand) == LastTouch::just_now;
    })) << ops::class_name(op);
  }
}

TEST(LastTouch, OfWhatTheForwardPassKeepsIsLongAgo) {
  const Op forward{ops::Gelu{8, 8}}, backward{ops::Gelu{8, 8}, Pass::input_gradient};
  EXPECT_EQ(of(forward, "x"), LastTouch::just_now);
  EXPECT_EQ(of(forward, "y"), LastTouch::long_ago);
  EXPECT_EQ(of(backward, "dy"), LastTouch::just_now);
  EXPECT_EQ(of(backward, "x"), LastTouch::long_ago);
  EXPECT_EQ(of(backward, "dx"), LastTouch::lately);
}

TEST(LastTouch, OfTheResidualStreamIsABranchAgo) {
  EXPECT_EQ(of({ops::Add{8, 8}}, "a"), LastTouch::lately);
  EXPECT_EQ(of({ops::Add{8, 8}}, "b"), LastTouch::just_now);
  EXPECT_EQ(of({ops::RmsNorm{8, 8, true}, Pass::input_gradient}, "residual"), LastTouch::lately);
}

/// The weight gradient follows the input gradient: what both read is near, what it alone reads is not.
TEST(LastTouch, OfAWeightGradientsOperandsDependsOnTheInputGradient) {
  EXPECT_EQ(of({ops::LayerNorm{8, 8}, Pass::weight_gradient}, "x"), LastTouch::just_now);
  EXPECT_EQ(of({ops::Linear{8, 8, 8}, Pass::weight_gradient}, "dy"), LastTouch::just_now);
  EXPECT_EQ(of({ops::Linear{8, 8, 8}, Pass::weight_gradient}, "x"), LastTouch::long_ago);
  EXPECT_EQ(of({ops::Embedding{8, 8, 8, 8}, Pass::weight_gradient}, "dy"), LastTouch::just_now);
}

}  // namespace
}  // namespace ds::executor
