#pragma once
// exp of a vector, without branches or tables.
//
// x = n ln 2 + r with |r| <= ln 2 / 2, so exp(x) = 2^n exp(r); ln 2 is split in two so that n ln2_high is
// exact (Cody & Waite 1980). float: the polynomial of Cephes' expf (Moshier), relative error below 2^-22.
// double: Taylor's series to r^13, relative error below 2^-51. The tests measure both. Below the smallest
// normal number the result is 0; above 88.37 (float) and 709.4 (double), a little before the type overflows,
// it is infinite; not-a-number stays one.

#include <numbers>

#include "kernels/cpu/lanes.h"

namespace ds::kernels::cpu::DS_INSTRUCTION_SET {

template <class T>
struct ExpConstants;

template <>
struct ExpConstants<float> {
  static constexpr float kLow = -87.33654F, kHigh = 88.37F;
  static constexpr float kLn2High = 0.693359375F;  // NOLINT(modernize-use-std-numbers): not all of ln 2
  static constexpr float kLn2Low = -2.12194440e-4F;
  static constexpr float kRound =
      12582912.0F;  // 1.5 * 2^23: adding it leaves the nearest integer in the low bits
  static constexpr unsigned kMantissa = 23;
  // Of (exp(r) - 1 - r) / r^2, highest power first.
  static constexpr std::array<float, 6> kSeries{1.9875691500e-4F, 1.3981999507e-3F, 8.3334519073e-3F,
                                                4.1665795894e-2F, 1.6666665459e-1F, 5.0000001201e-1F};
};

template <>
struct ExpConstants<double> {
  static constexpr double kLow = -708.396, kHigh = 709.4;
  static constexpr double kLn2High =
      6.93145751953125e-1;  // NOLINT(modernize-use-std-numbers): not all of ln 2
  static constexpr double kLn2Low = 1.42860682030941723212e-6;
  static constexpr double kRound = 6755399441055744.0;  // 1.5 * 2^52
  static constexpr unsigned kMantissa = 52;
  static constexpr std::array<double, 12> kSeries{
      1.0 / 6227020800, 1.0 / 479001600, 1.0 / 39916800, 1.0 / 3628800, 1.0 / 362880, 1.0 / 40320,
      1.0 / 5040,       1.0 / 720,       1.0 / 120,      1.0 / 24,      1.0 / 6,      1.0 / 2};
};

template <class T>
[[gnu::always_inline]] inline Vector<T> exp(Vector<T> x) {
  using C = ExpConstants<T>;
  constexpr T kLog2E = std::numbers::log2e_v<T>;
  const Vector<T> shifted = multiply_add(x, broadcast<T>(kLog2E), broadcast<T>(C::kRound));
  const Vector<T> n = shifted - C::kRound;
  const Vector<T> r =
      multiply_add(n, broadcast<T>(-C::kLn2Low), multiply_add(n, broadcast<T>(-C::kLn2High), x));
  // Even and odd powers apart (two half as long chains: a vector's exp is a wait for one result after
  // another).
  const Vector<T> square = r * r;
  Vector<T> odd = broadcast<T>(C::kSeries[0]), even = broadcast<T>(C::kSeries[1]);
#pragma GCC unroll 16
  for (std::size_t i = 2; i < C::kSeries.size(); i += 2) {
    odd = multiply_add(odd, square, broadcast<T>(C::kSeries[i]));
    even = multiply_add(even, square, broadcast<T>(C::kSeries[i + 1]));
  }
  const Vector<T> series = multiply_add(odd, r, even);
  const Vector<T> exp_r = multiply_add(series, square, r) + T{1};
  // The low bits of `shifted` are n; moved into the exponent of 1 they make 2^n.
  const Vector<T> one = broadcast<T>(T{1});
  const Bits<T> power = (reinterpret_cast<Bits<T>>(shifted) << C::kMantissa) + reinterpret_cast<Bits<T>>(one);
  Vector<T> result = exp_r * reinterpret_cast<Vector<T>>(power);
  result = x < C::kLow ? Vector<T>{} : result;
  return x > C::kHigh ? broadcast<T>(static_cast<T>(__builtin_inf())) : result;
}

/// 1 / (1 + exp(-x)); never above 1 or below 0, and exactly so far out.
template <class T>
[[gnu::always_inline]] inline Vector<T> sigmoid(Vector<T> x) {
  return T{1} / (T{1} + exp<T>(-x));
}

}  // namespace ds::kernels::cpu::DS_INSTRUCTION_SET
