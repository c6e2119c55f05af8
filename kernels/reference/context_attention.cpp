// Attention of a rank's tokens to keys of all ranks, or to those of one of them, as plain loops.
#include <algorithm>
#include <array>
#include <cmath>
#include <iterator>
#include <limits>

#include "kernels/lists.h"
#include "kernels/reference/reference.h"

namespace ds::kernels::cpu::reference {
namespace {

using ops::ContextAttention;
using ops::Keys;
using Row = std::array<double, kMaxHeadDim>;

/// Where things lie. Keys are those of `sources` ranks, one after the other; `source` says which.
struct Places {
  const ContextAttention& n;
  std::int64_t sources() const { return n.keys == Keys::gathered ? n.ranks : 1; }
  std::int64_t source(std::int64_t s) const {
    return n.keys == Keys::gathered ? s : (n.rank - n.step + n.ranks) % n.ranks;
  }
  std::int64_t q(std::int64_t b, std::int64_t t, std::int64_t head) const {
    return ((b * n.sequence + t) * n.heads + head) * n.head_dim;
  }
  std::int64_t o(std::int64_t b, std::int64_t t, std::int64_t head) const {
    return ((b * n.sequence + t) * n.heads + head) * n.value_dim();
  }
  std::int64_t row(std::int64_t b, std::int64_t t, std::int64_t head) const {
    return (b * n.heads + head) * n.sequence + t;
  }
  std::int64_t kv_row(std::int64_t s, std::int64_t b, std::int64_t i) const {
    return ((s * n.batch + b) * n.sequence + i) * n.kv_heads * (n.head_dim + n.value_dim());
  }
  std::int64_t k(std::int64_t s, std::int64_t b, std::int64_t i, std::int64_t kv_head) const {
    return kv_row(s, b, i) + kv_head * n.head_dim;
  }
  std::int64_t v(std::int64_t s, std::int64_t b, std::int64_t i, std::int64_t kv_head) const {
    return kv_row(s, b, i) + n.kv_heads * n.head_dim + kv_head * n.value_dim();
  }
  bool sees(std::int64_t t, std::int64_t s, std::int64_t i) const {
    return n.sees(n.place(n.rank, t), n.place(source(s), i));
  }
  /// What a score loses by distance.
  double lost(std::int64_t head, std::int64_t t, std::int64_t s, std::int64_t i) const {
    return n.slope(head) * static_cast<double>(n.place(n.rank, t) - n.place(source(s), i));
  }
  double scale() const { return 1 / std::sqrt(static_cast<double>(n.head_dim)); }
};

/// fn(source, key) for all keys that token t sees.
template <class Fn>
void for_each_seen(const Places& at, std::int64_t t, Fn&& fn) {
  for (std::int64_t s = 0; s < at.sources(); ++s)
    for (std::int64_t i = 0; i < at.n.sequence; ++i)
      if (at.sees(t, s, i)) fn(s, i);
}

template <class Fn>
void for_each_query(const ContextAttention& n, Fn&& fn) {
  for (std::int64_t b = 0; b < n.batch; ++b)
    for (std::int64_t head = 0; head < n.heads; ++head)
      for (std::int64_t t = 0; t < n.sequence; ++t) fn(b, head, t);
}

/// What is there, o with log-sum-exp lse, and the result of these keys o' with lse' are parts of one softmax: o becomes
/// (e^lse o + e^lse' o') / (e^lse + e^lse').
template <class T>
void forward(const ContextAttention& n, Arguments a, Queue&) {
  const T *q = a.in<T>(), *kv = a.in<T>(), *sinks = n.reads_sinks() ? a.in<T>() : nullptr;
  T *o = a.out<T>(), *lse = a.out<T>();
  const Places at{n};
  for_each_query(n, [&](std::int64_t b, std::int64_t head, std::int64_t t) {
    const std::int64_t kv_head = head / (n.heads / n.kv_heads);
    const auto score = [&](std::int64_t s, std::int64_t i) {
      return at.scale() * dot(q + at.q(b, t, head), kv + at.k(s, b, i, kv_head), n.head_dim) -
             at.lost(head, t, s, i);
    };
    T& kept = lse[at.row(b, t, head)];
    T* const result = o + at.o(b, t, head);
    const bool adds = n.keys == Keys::later;
    const double nothing = -std::numeric_limits<double>::infinity();
    const double sink = sinks != nullptr ? static_cast<double>(sinks[head]) : nothing;
    double top = adds ? static_cast<double>(kept) : sink;
    for_each_seen(at, t, [&](std::int64_t s, std::int64_t i) { top = std::max(top, score(s, i)); });
    const double before = adds ? std::exp(kept - top) : 0;
    double sum = before + (sinks != nullptr ? std::exp(sink - top) : 0);
    Row out{};
    for_each_seen(at, t, [&](std::int64_t s, std::int64_t i) {
      const double p = std::exp(score(s, i) - top);
      sum += p;
      for (std::int64_t d = 0; d < n.value_dim(); ++d)
        out[static_cast<std::size_t>(d)] += p * kv[at.v(s, b, i, kv_head) + d];
    });
    for (std::int64_t d = 0; d < n.value_dim(); ++d) {
      const double old = adds ? before * result[d] : 0;
      result[d] = static_cast<T>((old + out[static_cast<std::size_t>(d)]) / sum);
    }
    kept = static_cast<T>(top + std::log(sum));
  });
}

/// As of whole attention, of these keys: o and lse are those of all keys.
template <class T>
void input_gradient(const ContextAttention& n, Arguments a, Queue&) {
  const T *d_out = a.in<T>(), *q = a.in<T>(), *kv = a.in<T>(), *o = a.in<T>(), *lse = a.in<T>();
  T *dq = a.out<T>(), *dkv = a.out<T>();
  const Places at{n};
  const std::int64_t sharing = n.heads / n.kv_heads;
  // Of the i-th key of a source.
  const auto probability = [&](std::int64_t b, std::int64_t head, std::int64_t t, std::int64_t s,
                               std::int64_t i) {
    const T* const key = kv + at.k(s, b, i, head / sharing);
    return std::exp(at.scale() * dot(q + at.q(b, t, head), key, n.head_dim) - at.lost(head, t, s, i) -
                    lse[at.row(b, t, head)]);
  };
  const auto d_score = [&](std::int64_t b, std::int64_t head, std::int64_t t, std::int64_t s,
                           std::int64_t i) {
    const T* const d = d_out + at.o(b, t, head);
    const double delta = dot(d, o + at.o(b, t, head), n.value_dim());
    const T* const value = kv + at.v(s, b, i, head / sharing);
    return at.scale() * probability(b, head, t, s, i) * (dot(d, value, n.value_dim()) - delta);
  };
  const auto add = [](Row& sums, double factor, const T* from, std::int64_t count) {
    for (std::int64_t d = 0; d < count; ++d) sums[static_cast<std::size_t>(d)] += factor * from[d];
  };
  for_each_query(n, [&](std::int64_t b, std::int64_t head, std::int64_t t) {
    Row sums{};
    for_each_seen(at, t, [&](std::int64_t s, std::int64_t i) {
      add(sums, d_score(b, head, t, s, i), kv + at.k(s, b, i, head / sharing), n.head_dim);
    });
    for (std::int64_t d = 0; d < n.head_dim; ++d) {
      T& to = dq[at.q(b, t, head) + d];
      to = static_cast<T>((n.keys == Keys::later ? static_cast<double>(to) : 0) +
                          sums[static_cast<std::size_t>(d)]);
    }
  });
  for (std::int64_t s = 0; s < at.sources(); ++s)
    for (std::int64_t b = 0; b < n.batch; ++b)
      for (std::int64_t i = 0; i < n.sequence; ++i)
        for (std::int64_t kv_head = 0; kv_head < n.kv_heads; ++kv_head) {
          const std::int64_t k = at.k(s, b, i, kv_head), v = at.v(s, b, i, kv_head);
          Row dk{}, dv{};
          for (std::int64_t head = kv_head * sharing; head < (kv_head + 1) * sharing; ++head)
            for (std::int64_t t = 0; t < n.sequence; ++t) {
              if (!at.sees(t, s, i)) continue;
              add(dk, d_score(b, head, t, s, i), q + at.q(b, t, head), n.head_dim);
              add(dv, probability(b, head, t, s, i), d_out + at.o(b, t, head), n.value_dim());
            }
          std::transform(dk.begin(), dk.begin() + n.head_dim, dkv + k,
                         [](double x) { return static_cast<T>(x); });
          std::transform(dv.begin(), dv.begin() + n.value_dim(), dkv + v,
                         [](double x) { return static_cast<T>(x); });
        }
}

/// dsink_h = - sum over rows of p_sink (do . o): its score leads to no value.
template <class T>
void sink_gradient(const ContextAttention& n, Arguments a, Queue&) {
  const T *d_out = a.in<T>(), *o = a.in<T>(), *lse = a.in<T>(), *sinks = a.in<T>();
  T* dsinks = a.out<T>();
  const Places at{n};
  for (std::int64_t head = 0; head < n.heads; ++head) {
    double sum = 0;
    for (std::int64_t b = 0; b < n.batch; ++b)
      for (std::int64_t t = 0; t < n.sequence; ++t) {
        const double share = std::exp(static_cast<double>(sinks[head]) - lse[at.row(b, t, head)]);
        sum -= share * dot(d_out + at.o(b, t, head), o + at.o(b, t, head), n.value_dim());
      }
    deliver(*a.op, dsinks[head], sum);
  }
}

constexpr PassKernels kPasses{
    .forward = by_type<ContextAttention, forward<float>, forward<double>>,
    .input_gradient = by_type<ContextAttention, input_gradient<float>, input_gradient<double>>,
    .weight_gradient = by_type<ContextAttention, sink_gradient<float>, sink_gradient<double>>};
constexpr OperatorKernels kRows[] = {
    {ContextAttention{.keys = Keys::gathered}.name(), kPasses},
    {ContextAttention{.keys = Keys::first}.name(), kPasses},
    {ContextAttention{.keys = Keys::later}.name(), kPasses},
};

}  // namespace

constinit const KernelList kContextAttention{kRows, std::size(kRows)};

}  // namespace ds::kernels::cpu::reference
