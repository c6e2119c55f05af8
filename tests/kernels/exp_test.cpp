#include "kernels/cpu/exp.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

namespace ds::kernels::cpu::DS_INSTRUCTION_SET {
namespace {

template <class T>
T one(T x) {
  return exp<T>(broadcast<T>(x))[0];
}

/// Largest relative error over evenly spaced arguments, against exp in long double.
template <class T>
double worst_error(T low, T high) {
  double worst = 0;
  constexpr int kPoints = 200000;
  for (int i = 0; i <= kPoints; ++i) {
    const T x = low + (high - low) * static_cast<T>(i) / kPoints;
    const long double exact = std::exp(static_cast<long double>(x));
    worst = std::max(worst, static_cast<double>(std::abs(static_cast<long double>(one(x)) - exact) / exact));
  }
  return worst;
}

TEST(VectorExp, IsWithinItsStatedError) {
  EXPECT_LT(worst_error<float>(-87.3F, 88.3F), std::ldexp(1.0, -22));
  EXPECT_LT(worst_error<float>(-1.0F, 1.0F), std::ldexp(1.0, -22));
  EXPECT_LT(worst_error<double>(-708.3, 709.3), std::ldexp(1.0, -51));
  EXPECT_LT(worst_error<double>(-1.0, 1.0), std::ldexp(1.0, -51));
}

TEST(VectorExp, EndsInZeroInfinityAndNotANumber) {
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  EXPECT_EQ(one(0.0F), 1.0F);
  EXPECT_EQ(one(-kInfinity), 0.0F);
  EXPECT_EQ(one(-1e30F), 0.0F);
  EXPECT_EQ(one(kInfinity), kInfinity);
  EXPECT_EQ(one(1e30F), kInfinity);
  EXPECT_TRUE(std::isnan(one(std::nanf(""))));
  EXPECT_EQ(one(-1e300), 0.0);
  EXPECT_EQ(one(1e300), static_cast<double>(kInfinity));
  EXPECT_TRUE(std::isnan(one(std::nan(""))));
}

TEST(VectorSums, DependOnNoElementBeyondTheRow) {
  const float row[] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 1e9F};
  EXPECT_EQ(sum_of<float>(11, [&](auto at) { return load(row, at); }), 66.0F);
  EXPECT_EQ(max_of(row, 11), 11.0F);
}

}  // namespace
}  // namespace ds::kernels::cpu::DS_INSTRUCTION_SET
