#pragma once
// Products of small matrices that lie in cache, for attention's tiles: c (+)= a b.
//
// BLAS packs both factors before it multiplies and knows no triangles; on a tile of 64 x 64 that costs a
// third. Here `a` is read element by element with any two strides (so its transpose is free) and `b` row by
// row in vectors, both where they lie. Sums run over the inner index in order, whatever the tile's shape:
// equal input, equal bits.

#include "kernels/cpu/lanes.h"

namespace ds::kernels::cpu::DS_INSTRUCTION_SET {

/// Element (r, i) is data[r * row + i * step].
template <class T>
struct Strided {
  const T* data;
  std::int64_t row, step;
};
template <class T>
struct Rows {
  T* data;
  std::int64_t row;  // elements from one row to the next
};
enum class Start : std::uint8_t { zero, add };  // write the product, or add it to what is there

/// kRows x kVectors accumulators stay in registers over the whole inner loop; `last` is the last vector of a
/// row.
template <class T, int kRows, int kVectors, class Last>
void product_block(std::int64_t inner, Strided<T> a, Rows<const T> b, Rows<T> c, Start start, Last last) {
  const auto load_at = [&](const T* row, int v) {
    return v == kVectors - 1 ? load(row, last) : load(row, Whole{v * kLanes<T>});
  };
  Vector<T> sum[kRows][kVectors];
#pragma GCC unroll 8
  for (int r = 0; r < kRows; ++r)
#pragma GCC unroll 4
    for (int v = 0; v < kVectors; ++v)
      sum[r][v] = start == Start::add ? load_at(c.data + r * c.row, v) : Vector<T>{};
  for (std::int64_t i = 0; i < inner; ++i, b.data += b.row, a.data += a.step) {
    Vector<T> row[kVectors];
#pragma GCC unroll 4
    for (int v = 0; v < kVectors; ++v) row[v] = load_at(b.data, v);
#pragma GCC unroll 8
    for (int r = 0; r < kRows; ++r) {
      const Vector<T> factor = broadcast<T>(a.data[r * a.row]);
#pragma GCC unroll 4
      for (int v = 0; v < kVectors; ++v) sum[r][v] = multiply_add(factor, row[v], sum[r][v]);
    }
  }
#pragma GCC unroll 8
  for (int r = 0; r < kRows; ++r)
#pragma GCC unroll 4
    for (int v = 0; v < kVectors; ++v) {
      if (v == kVectors - 1)
        store(c.data + r * c.row, last, sum[r][v]);
      else
        store(c.data + r * c.row, Whole{v * kLanes<T>}, sum[r][v]);
    }
}

inline constexpr int kBlockRows = 6;  // 6 x 2 accumulators, 2 of b and 1 of a: 15 of 16 registers

template <class T, int kVectors, class Last>
void product_columns(std::int64_t rows, std::int64_t inner, Strided<T> a, Rows<const T> b, Rows<T> c,
                     Start start, Last last) {
  for (; rows >= kBlockRows; rows -= kBlockRows) {
    product_block<T, kBlockRows, kVectors>(inner, a, b, c, start, last);
    a.data += kBlockRows * a.row;
    c.data += kBlockRows * c.row;
  }
  switch (rows) {
    case 5: return product_block<T, 5, kVectors>(inner, a, b, c, start, last);
    case 4: return product_block<T, 4, kVectors>(inner, a, b, c, start, last);
    case 3: return product_block<T, 3, kVectors>(inner, a, b, c, start, last);
    case 2: return product_block<T, 2, kVectors>(inner, a, b, c, start, last);
    case 1: return product_block<T, 1, kVectors>(inner, a, b, c, start, last);
    default: return;
  }
}

/// c [rows, columns] (+)= a [rows, inner] b [inner, columns].
template <class T>
void product(std::int64_t rows, std::int64_t columns, std::int64_t inner, Strided<T> a, Rows<const T> b,
             Rows<T> c, Start start) {
  constexpr std::int64_t kStep = kLanes<T>;
  for (; columns >= 2 * kStep; columns -= 2 * kStep, b.data += 2 * kStep, c.data += 2 * kStep)
    product_columns<T, 2>(rows, inner, a, b, c, start, Whole{kStep});
  if (columns > kStep) {
    product_columns<T, 2>(rows, inner, a, b, c, start, Tail{kStep, columns - kStep});
  } else if (columns > 0) {
    product_columns<T, 1>(rows, inner, a, b, c, start, Tail{0, columns});
  }
}

}  // namespace ds::kernels::cpu::DS_INSTRUCTION_SET
