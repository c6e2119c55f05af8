// Attention without the score matrix: tile by tile, with an online softmax (Milakov & Gimelshein 2018; Dao
// 2023).
#include <cmath>
#include <iterator>

#include "kernels/cpu/attention_tile.h"
#include "kernels/cpu/rows.h"
#include "kernels/lists.h"

namespace ds::kernels::cpu::DS_INSTRUCTION_SET {
namespace {

template <class T>
T inverse_root(std::int64_t head_dim) {
  return static_cast<T>(1 / std::sqrt(static_cast<double>(head_dim)));
}

/// Of the queries of a tile: the largest score so far, the sum of exp(score - top), and by what this tile's
/// new maximum shrinks what was summed before.
template <class T>
struct OnlineSoftmax {
  alignas(32) T top[kTile], sum[kTile], shrink[kTile];
};

/// Scores of a tile become exp(score - top), zero where a query must not see a key.
template <class T>
void online_softmax(const Pair& p, T* tile, OnlineSoftmax<T>& soft) {
  const auto row = [&](std::int64_t key) { return tile + key * p.size; };
  for (std::int64_t i = 0; i < p.queries; i += kLanes<T>) {
    const Whole at{i};
    const std::int64_t keys = keys_of_strip(p, i);
    const std::int64_t unmasked =
        p.diagonal() ? (i + 1 < keys ? i + 1 : keys) : keys;  // seen by all queries at `at`
    const Vector<T> hidden = broadcast<T>(static_cast<T>(-__builtin_inf()));
    const Vector<T> before = load(soft.top, at);
    Vector<T> top = before;
    for (std::int64_t key = 0; key < unmasked; ++key) top = larger(load(row(key), at), top);
    for (std::int64_t key = unmasked; key < keys; ++key) {
      const Vector<T> score = sees<T>(i, key) ? load(row(key), at) : hidden;
      store(row(key), at, score);
      top = larger(score, top);
    }
    Vector<T> sum{};
    for (std::int64_t key = 0; key < keys; ++key) {
      const Vector<T> e = exp<T>(load(row(key), at) - top);
      store(row(key), at, e);
      sum += e;
    }
    const Vector<T> shrink = exp<T>(before - top);  // 0 in the first tile, where `before` is -inf
    store(soft.top, at, top);
    store(soft.shrink, at, shrink);
    store(soft.sum, at, load(soft.sum, at) * shrink + sum);
  }
}

template <class T>
void scale_rows(T* rows, std::int64_t row, std::int64_t count, std::int64_t n, const T* factors) {
  for (std::int64_t t = 0; t < count; ++t, rows += row)
    each_vector<T>(n, [&](auto at) { store(rows, at, load(rows, at) * factors[t]); });
}

template <class T>
void forward(const ops::Attention& n, Arguments a, Queue& queue) {
  const T* qkv = a.in<T>();
  T *o = a.out<T>(), *lse = a.out<T>();
  alignas(64) T q_transposed[kTransposed<T>];
  alignas(64) T tile[kTile * kTile];
  const std::int64_t size = tile_size<T>(n.head_dim), o_row = n.heads * n.head_dim;
  for (std::int64_t b = 0; b < n.batch; ++b)
    for (std::int64_t head = 0; head < n.heads; ++head, lse += n.sequence) {
      const HeadRows<const T> in = head_rows(n, qkv, b, head);
      T* out = o + b * n.sequence * o_row + head * n.head_dim;
      for (std::int64_t query = 0; query < n.sequence; query += size) {
        const std::int64_t queries = n.sequence - query < size ? n.sequence - query : size;
        transpose(q_transposed, size, in.q + query * in.row, in.row, queries, n.head_dim,
                  inverse_root<T>(n.head_dim));
        OnlineSoftmax<T> soft;
        for (std::int64_t i = 0; i < kTile; ++i)
          soft.top[i] = static_cast<T>(-__builtin_inf()), soft.sum[i] = 0;
        for (std::int64_t key = 0; key <= query; key += size) {
          const Pair p{size, query, queries, key, n.sequence - key < size ? n.sequence - key : size};
          scores(p, n.head_dim, in.k, in.row, q_transposed, tile);
          online_softmax(p, tile, soft);
          if (key > 0) scale_rows(out + query * o_row, o_row, queries, n.head_dim, soft.shrink);
          to_queries(p, n.head_dim, tile, in.v, in.row, out, o_row, key > 0 ? Start::add : Start::zero);
          queue.poll_now();
        }
        for (std::int64_t t = 0; t < queries; ++t) {
          lse[query + t] = soft.top[t] + static_cast<T>(std::log(soft.sum[t]));
          soft.sum[t] = T{1} / soft.sum[t];
        }
        scale_rows(out + query * o_row, o_row, queries, n.head_dim, soft.sum);
      }
    }
}

/// Scores become probabilities exp(score - lse), and dp becomes ds = p (dp - delta) / sqrt(head_dim).
template <class T>
void score_gradients(const Pair& p, T scale, const T* lse, const T* delta, T* probability, T* d_score) {
  const std::int64_t whole = p.queries / kLanes<T> * kLanes<T>;
  const auto columns = [&](auto at) {
    const Vector<T> row_lse = load(lse + p.query, at), row_delta = load(delta + p.query, at);
    const std::int64_t keys = keys_of_strip(p, at.begin);
    for (std::int64_t key = 0; key < keys; ++key) {
      const Whole place{key * p.size + at.begin};
      Vector<T> e = exp<T>(load(probability, place) - row_lse);
      if (p.diagonal()) e = sees<T>(at.begin, key) ? e : Vector<T>{};
      store(probability, place, e);
      store(d_score, place, e * (load(d_score, place) - row_delta) * scale);
    }
  };
  for (std::int64_t i = 0; i < whole; i += kLanes<T>) columns(Whole{i});
  if (whole < p.queries) columns(Tail{whole, p.queries - whole});
}

/// p is computed anew from lse. dk and dv grow in place over the tiles of queries and the heads that share
/// them: the diagonal tile of the first such head comes first, and writes.
template <class T>
void input_gradient(const ops::Attention& n, Arguments a, Queue& queue) {
  const T *d_out = a.in<T>(), *qkv = a.in<T>(), *o = a.in<T>(), *lse = a.in<T>();
  T *dqkv = a.out<T>(), *delta = a.out<T>();
  alignas(64) T q_transposed[kTransposed<T>], d_out_transposed[kTransposed<T>];
  alignas(64) T probability[kTile * kTile], d_score[kTile * kTile];
  const std::int64_t size = tile_size<T>(n.head_dim), o_row = n.heads * n.head_dim;
  const T scale = inverse_root<T>(n.head_dim);
  for (std::int64_t b = 0; b < n.batch; ++b)
    for (std::int64_t head = 0; head < n.heads; ++head, lse += n.sequence) {
      const HeadRows<const T> in = head_rows(n, qkv, b, head);
      const HeadRows<T> out = head_rows(n, dqkv, b, head);
      const std::int64_t first = b * n.sequence * o_row + head * n.head_dim;
      const T *d_rows = d_out + first, *o_rows = o + first;
      for (std::int64_t t = 0; t < n.sequence; ++t)
        delta[t] = sum_of<T>(
            n.head_dim, [&](auto at) { return load(d_rows + t * o_row, at) * load(o_rows + t * o_row, at); });
      const bool first_of_group = head % (n.heads / n.kv_heads) == 0;
      for (std::int64_t query = 0; query < n.sequence; query += size) {
        const std::int64_t queries = n.sequence - query < size ? n.sequence - query : size;
        transpose(q_transposed, size, in.q + query * in.row, in.row, queries, n.head_dim, scale);
        transpose(d_out_transposed, size, d_rows + query * o_row, o_row, queries, n.head_dim, T{1});
        for (std::int64_t key = 0; key <= query; key += size) {
          const Pair p{size, query, queries, key, n.sequence - key < size ? n.sequence - key : size};
          scores(p, n.head_dim, in.k, in.row, q_transposed, probability);
          scores(p, n.head_dim, in.v, in.row, d_out_transposed, d_score);
          score_gradients(p, scale, lse, delta, probability, d_score);
          const Start keys_start = first_of_group && p.diagonal() ? Start::zero : Start::add;
          to_keys(p, n.head_dim, probability, d_rows, o_row, out.v, out.row, keys_start);
          to_keys(p, n.head_dim, d_score, in.q, in.row, out.k, out.row, keys_start);
          to_queries(p, n.head_dim, d_score, in.k, in.row, out.q, out.row,
                     key > 0 ? Start::add : Start::zero);
          queue.poll_now();
        }
      }
    }
}

constexpr OperatorKernels kFlashAttentionRows[] = {
    {ops::Attention::kName,
     {.forward = by_type<ops::Attention, forward<float>, forward<double>>,
      .input_gradient = by_type<ops::Attention, input_gradient<float>, input_gradient<double>>}},
};

}  // namespace

constinit const KernelList kFlashAttention{kFlashAttentionRows, std::size(kFlashAttentionRows)};

}  // namespace ds::kernels::cpu::DS_INSTRUCTION_SET
