#pragma once
// What forward and backward of flash attention share: where rows lie, and tiles of the transposed score
// matrix.
//
// A tile holds scores as s^T [key, query]: then maximum and sum of a query's row of the softmax run down a
// column, lane by lane, with no sum across a vector; and k, v, q and d_out are all read where they lie, in
// rows. Only q (and d_out) of a tile are transposed, once per tile of queries.

#include "kernels/arguments.h"
#include "kernels/cpu/exp.h"
#include "kernels/cpu/product.h"

namespace ds::kernels::cpu::DS_INSTRUCTION_SET {

inline constexpr std::int64_t kTile = 64;   // queries, and keys, of a tile
inline constexpr std::int64_t kStrip = 16;  // a diagonal tile is worked on in strips of this width
/// Elements of a transposed tile [head_dim, queries]: 64 KiB.
template <class T>
inline constexpr std::int64_t kTransposed = (64LL << 10) / static_cast<std::int64_t>(sizeof(T));

/// Queries of a tile; fewer when the head is so wide that a transposed tile would not fit.
template <class T>
std::int64_t tile_size(std::int64_t head_dim) {
  std::int64_t size = kTile;
  while (size * head_dim > kTransposed<T>) size -= kStrip;
  return size;
}
static_assert(kTransposed<double> / kMaxHeadDim >= kStrip);

/// Row 0 of q, k and v (or their gradients) of one head in one sequence. kv head of q head h: h / (heads /
/// kv_heads).
template <class T>
struct HeadRows {
  T *q, *k, *v;
  std::int64_t row;
};
template <class T>
HeadRows<T> head_rows(const ops::Attention& n, T* qkv, std::int64_t sequence, std::int64_t head) {
  const std::int64_t row = (n.heads + 2 * n.kv_heads) * n.head_dim;
  T* first = qkv + sequence * n.sequence * row;
  T* k = first + (n.heads + head / (n.heads / n.kv_heads)) * n.head_dim;
  return {first + head * n.head_dim, k, k + n.kv_heads * n.head_dim, row};
}

/// to [head_dim, size] = scale * from^T; columns from `count` on are zero.
template <class T>
void transpose(T* to, std::int64_t size, const T* from, std::int64_t row, std::int64_t count,
               std::int64_t head_dim, T scale) {
  for (std::int64_t d = 0; d < head_dim; ++d, to += size) {
    for (std::int64_t i = 0; i < count; ++i) to[i] = scale * from[i * row + d];
    for (std::int64_t i = count; i < size; ++i) to[i] = T{0};
  }
}

/// One pair of tiles: queries from `query`, keys from `key`. On the diagonal the two begin at the same place.
struct Pair {
  std::int64_t size, query, queries, key, keys;
  bool diagonal() const { return query == key; }
};

/// to^T [key, query] = rows transposed, only where a query sees a key of the strip.
template <class T>
void scores(const Pair& p, std::int64_t head_dim, const T* rows, std::int64_t row, const T* transposed,
            T* to) {
  const Strided<T> left{rows + p.key * row, row, 1};
  if (!p.diagonal())
    return product<T>(p.keys, p.size, head_dim, left, {transposed, p.size}, {to, p.size}, Start::zero);
  for (std::int64_t strip = 0; strip < p.queries; strip += kStrip)
    product<T>(p.keys < strip + kStrip ? p.keys : strip + kStrip, kStrip, head_dim, left,
               {transposed + strip, p.size}, {to + strip, p.size}, Start::zero);
}

/// Keys that the queries of the strip at `query` (from the tile's first) may see, whole strips at a time.
inline std::int64_t keys_of_strip(const Pair& p, std::int64_t query) {
  const std::int64_t end = (query / kStrip + 1) * kStrip;
  return p.diagonal() && end < p.keys ? end : p.keys;
}

/// True where query `query + lane` sees `key`, both counted from the start of a diagonal tile.
template <class T>
[[gnu::always_inline]] inline Index<T> sees(std::int64_t query, std::int64_t key) {
  return VectorOf<T>::kIndex + static_cast<IndexElement<T>>(query - key) >= Index<T>{};
}

/// to [query, head_dim] (+)= weights^T rows, the weights in a tile [key, query]: o of p and v, dq of ds and
/// k.
template <class T>
void to_queries(const Pair& p, std::int64_t head_dim, const T* weights, const T* rows, std::int64_t row,
                T* to, std::int64_t to_row, Start start) {
  const std::int64_t strip = p.diagonal() ? kStrip : p.queries;
  for (std::int64_t i = 0; i < p.queries; i += strip)
    product<T>(p.queries - i < strip ? p.queries - i : strip, head_dim, keys_of_strip(p, i),
               {weights + i, 1, p.size}, {rows + p.key * row, row}, {to + (p.query + i) * to_row, to_row},
               start);
}

/// to [key, head_dim] (+)= weights rows: dv of p and d_out, dk of ds and q.
template <class T>
void to_keys(const Pair& p, std::int64_t head_dim, const T* weights, const T* rows, std::int64_t row, T* to,
             std::int64_t to_row, Start start) {
  const std::int64_t strip = p.diagonal() ? kStrip : p.keys;
  for (std::int64_t i = 0; i < p.keys; i += strip) {
    const std::int64_t first = p.diagonal() ? i : 0;  // earlier queries do not see these keys
    product<T>(p.keys - i < strip ? p.keys - i : strip, head_dim, p.queries - first,
               {weights + i * p.size + first, p.size, 1}, {rows + (p.query + first) * row, row},
               {to + (p.key + i) * to_row, to_row}, start);
  }
}

}  // namespace ds::kernels::cpu::DS_INSTRUCTION_SET
