#pragma once
// Vectors of 32 bytes in the compiler's own vector type: one AVX register, or two of SSE or NEON, from one
// source.
//
//   each_vector<T>(n, [&](auto at) { store(y, at, load(a, at) + load(b, at)); });    // the whole row, tail
//   included const T sum = sum_of<T>(n, [&](auto at) { return load(x, at); });
//
// `at` is where a vector starts and, in the last one, how many elements it has: the tail runs through the
// very same arithmetic as the rest, so an element's value does not depend on where a shard or a tile ends.
// Nothing looks at addresses: the order of a sum depends on the length only.

#include <array>
#include <cstdint>
#include <cstring>

#if defined(__AVX2__) && defined(__FMA__)
#include <immintrin.h>
#endif

namespace ds::kernels::cpu::DS_INSTRUCTION_SET {

template <class T>
struct VectorOf;
template <>
struct VectorOf<float> {
  using Type [[gnu::vector_size(32)]] = float;
  using Bits [[gnu::vector_size(32)]] = std::uint32_t;
  using Index [[gnu::vector_size(32)]] = std::int32_t;
  static constexpr Index kIndex{0, 1, 2, 3, 4, 5, 6, 7};
};
template <>
struct VectorOf<double> {
  using Type [[gnu::vector_size(32)]] = double;
  using Bits [[gnu::vector_size(32)]] = std::uint64_t;
  using Index [[gnu::vector_size(32)]] = std::int64_t;
  static constexpr Index kIndex{0, 1, 2, 3};
};

template <class T>
using Vector = typename VectorOf<T>::Type;
template <class T>
using Bits = typename VectorOf<T>::Bits;
template <class T>
using Index = typename VectorOf<T>::Index;
template <class T>
using IndexElement = std::conditional_t<sizeof(T) == 4, std::int32_t, std::int64_t>;
template <class T>
inline constexpr std::int64_t kLanes = 32 / static_cast<std::int64_t>(sizeof(T));

/// Where a vector lies in a row: a whole one, or the first `count` elements of one.
struct Whole {
  std::int64_t begin;
};
struct Tail {
  std::int64_t begin, count;
};

template <class T>
[[gnu::always_inline]] inline Vector<T> broadcast(T value) {
  return value - Vector<T>{};  // x - 0 is x and costs nothing; 0 + x would be an addition, for the sake of -0
}
template <class T>
[[gnu::always_inline]] inline Vector<T> load(const T* row, Whole at) {
  Vector<T> v;
  std::memcpy(&v, row + at.begin, sizeof v);
  return v;
}
template <class T>
[[gnu::always_inline]] inline void store(T* row, Whole at, Vector<T> v) {
  std::memcpy(row + at.begin, &v, sizeof v);
}

/// True in the first `count` lanes.
template <class T>
[[gnu::always_inline]] inline Index<T> first_lanes(std::int64_t count) {
  return VectorOf<T>::kIndex < Index<T>{} + static_cast<IndexElement<T>>(count);
}

#if defined(__AVX2__) && defined(__FMA__)
[[gnu::always_inline]] inline Vector<float> load(const float* row, Tail at) {
  return _mm256_maskload_ps(row + at.begin, reinterpret_cast<__m256i>(first_lanes<float>(at.count)));
}
[[gnu::always_inline]] inline Vector<double> load(const double* row, Tail at) {
  return _mm256_maskload_pd(row + at.begin, reinterpret_cast<__m256i>(first_lanes<double>(at.count)));
}
[[gnu::always_inline]] inline void store(float* row, Tail at, Vector<float> v) {
  _mm256_maskstore_ps(row + at.begin, reinterpret_cast<__m256i>(first_lanes<float>(at.count)), v);
}
[[gnu::always_inline]] inline void store(double* row, Tail at, Vector<double> v) {
  _mm256_maskstore_pd(row + at.begin, reinterpret_cast<__m256i>(first_lanes<double>(at.count)), v);
}
/// a * b + c with one rounding. Said where it is meant: the compiler contracts nothing on its own.
[[gnu::always_inline]] inline Vector<float> multiply_add(Vector<float> a, Vector<float> b, Vector<float> c) {
  return _mm256_fmadd_ps(a, b, c);
}
[[gnu::always_inline]] inline Vector<double> multiply_add(Vector<double> a, Vector<double> b,
                                                          Vector<double> c) {
  return _mm256_fmadd_pd(a, b, c);
}
[[gnu::always_inline]] inline Vector<float> square_root(Vector<float> v) { return _mm256_sqrt_ps(v); }
[[gnu::always_inline]] inline Vector<double> square_root(Vector<double> v) { return _mm256_sqrt_pd(v); }
#else
template <class T>
[[gnu::always_inline]] inline Vector<T> load(const T* row, Tail at) {
  Vector<T> v{};
  std::memcpy(&v, row + at.begin, static_cast<std::size_t>(at.count) * sizeof(T));
  return v;
}
template <class T>
[[gnu::always_inline]] inline void store(T* row, Tail at, Vector<T> v) {
  std::memcpy(row + at.begin, &v, static_cast<std::size_t>(at.count) * sizeof(T));
}
template <class V>
[[gnu::always_inline]] inline V multiply_add(V a, V b, V c) {
  return a * b + c;
}
[[gnu::always_inline]] inline Vector<float> square_root(Vector<float> v) {
  for (int i = 0; i < 8; ++i) v[i] = __builtin_sqrtf(v[i]);
  return v;
}
[[gnu::always_inline]] inline Vector<double> square_root(Vector<double> v) {
  for (int i = 0; i < 4; ++i) v[i] = __builtin_sqrt(v[i]);
  return v;
}
#endif

template <class V>
[[gnu::always_inline]] inline V larger(V a, V b) {
  return a > b ? a : b;
}

/// The lanes that exist, zero elsewhere: what a tail may add to a sum.
template <class T>
[[gnu::always_inline]] inline Vector<T> present(Whole, Vector<T> v) {
  return v;
}
template <class T>
[[gnu::always_inline]] inline Vector<T> present(Tail at, Vector<T> v) {
  return first_lanes<T>(at.count) ? v : Vector<T>{};
}

/// Sum of the lanes, always in the order ((0 + 4) + (2 + 6)) + ((1 + 5) + (3 + 7)).
template <class T>
[[gnu::always_inline]] inline T lane_sum(Vector<T> v) {
  std::array<T, kLanes<T>> lanes;
  std::memcpy(lanes.data(), &v, sizeof v);
  for (std::size_t half = lanes.size() / 2; half > 0; half /= 2)
    for (std::size_t i = 0; i < half; ++i) lanes[i] += lanes[i + half];
  return lanes[0];
}
template <class T>
[[gnu::always_inline]] inline T lane_max(Vector<T> v) {
  T top = v[0];
  for (std::int64_t i = 1; i < kLanes<T>; ++i) top = v[i] > top ? v[i] : top;
  return top;
}

template <class T, class Body>
[[gnu::always_inline]] inline void each_vector(std::int64_t n, Body body) {
  std::int64_t i = 0;
  for (; i + kLanes<T> <= n; i += kLanes<T>) body(Whole{i});
  if (i < n) body(Tail{i, n - i});
}

/// Sum of `term` over a row, in four interleaved partial sums: fast, and closer than one running sum.
template <class T, class Term>
[[gnu::always_inline]] inline T sum_of(std::int64_t n, Term term) {
  constexpr std::int64_t kStep = kLanes<T>;
  Vector<T> a{}, b{}, c{}, d{};
  std::int64_t i = 0;
  for (; i + 4 * kStep <= n; i += 4 * kStep) {
    a += term(Whole{i});
    b += term(Whole{i + kStep});
    c += term(Whole{i + 2 * kStep});
    d += term(Whole{i + 3 * kStep});
  }
  for (; i + kStep <= n; i += kStep) a += term(Whole{i});
  if (i < n) b += present<T>(Tail{i, n - i}, term(Tail{i, n - i}));
  return lane_sum<T>((a + b) + (c + d));
}

/// Largest element of a row, n > 0; not-a-number is passed over (a later sum finds it).
template <class T>
[[gnu::always_inline]] inline T max_of(const T* row, std::int64_t n) {
  constexpr std::int64_t kStep = kLanes<T>;
  Vector<T> a = broadcast<T>(row[0]), b = a, c = a, d = a;
  std::int64_t i = 0;
  for (; i + 4 * kStep <= n; i += 4 * kStep) {
    a = larger(load(row, Whole{i}), a);
    b = larger(load(row, Whole{i + kStep}), b);
    c = larger(load(row, Whole{i + 2 * kStep}), c);
    d = larger(load(row, Whole{i + 3 * kStep}), d);
  }
  T top = lane_max<T>(larger(larger(a, b), larger(c, d)));
  for (; i < n; ++i) top = row[i] > top ? row[i] : top;
  return top;
}

}  // namespace ds::kernels::cpu::DS_INSTRUCTION_SET
