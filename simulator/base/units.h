#pragma once
// Numbers that can be confused get a type: bytes plus seconds does not compile, and no double is secretly
// milliseconds. SI inside (seconds, bytes, FLOP); 1 GB is 1e9 bytes, 1 GiB is 2^30.

#include <compare>
#include <cstdint>

namespace ds {

template <class Tag, class Rep = double>
struct Quantity {
  Rep value{};
  friend constexpr auto operator<=>(Quantity, Quantity) = default;
  friend constexpr Quantity operator+(Quantity a, Quantity b) { return {a.value + b.value}; }
  friend constexpr Quantity operator-(Quantity a, Quantity b) { return {a.value - b.value}; }
  friend constexpr Quantity operator*(Quantity a, Rep n) { return {a.value * n}; }
  friend constexpr Quantity operator*(Rep n, Quantity a) { return {n * a.value}; }
  friend constexpr double operator/(Quantity a, Quantity b) {
    return static_cast<double>(a.value) / static_cast<double>(b.value);
  }
  constexpr Quantity& operator+=(Quantity other) {
    value += other.value;
    return *this;
  }
  constexpr Quantity& operator-=(Quantity other) {
    value -= other.value;
    return *this;
  }
};

using Seconds = Quantity<struct SecondsTag>;
using Bytes = Quantity<struct BytesTag, std::int64_t>;  // exact: memory and traffic must add up
using Flops = Quantity<struct FlopsTag>;                // double: a whole run exceeds 2^63
using BytesPerSecond = Quantity<struct BytesPerSecondTag>;
using FlopsPerSecond = Quantity<struct FlopsPerSecondTag>;

constexpr Seconds operator/(Bytes b, BytesPerSecond rate) {
  return {static_cast<double>(b.value) / rate.value};
}
constexpr Seconds operator/(Flops f, FlopsPerSecond rate) { return {f.value / rate.value}; }

/// `value` rounded up to a multiple of `step` (step > 0).
constexpr std::int64_t round_up(std::int64_t value, std::int64_t step) {
  return (value + step - 1) / step * step;
}
constexpr std::int64_t ceil_div(std::int64_t value, std::int64_t by) { return (value + by - 1) / by; }

}  // namespace ds
