// Norms of queries and keys, and the soft cap of logits, as plain loops.
#include <algorithm>
#include <cmath>
#include <iterator>

#include "kernels/lists.h"
#include "kernels/reference/reference.h"

namespace ds::kernels::cpu::reference {
namespace {

using ops::QkNorm;

constexpr double kLogitCap = 30;  // Gemma 2, arXiv 2408.00118, section 2

/// What is normalised together: a head, or all queries, all keys. `first`: column in qkv and in raw.
struct Group {
  std::int64_t index, first, width;
  bool of_keys;
};

template <class Fn>
void for_each_group(const QkNorm& n, Fn&& fn) {
  const std::int64_t q = n.heads * n.head_dim, k = n.kv_heads * n.head_dim;
  if (n.whole) {
    fn(Group{0, 0, q, false}), fn(Group{1, q, k, true});
    return;
  }
  for (std::int64_t head = 0; head < n.heads + n.kv_heads; ++head)
    fn(Group{head, head * n.head_dim, n.head_dim, head >= n.heads});
}

/// Gain of a column: gains are those of all columns, or of one head for all.
struct Gains {
  const QkNorm& n;
  std::int64_t of(const Group& g, std::int64_t column) const {
    return g.of_keys ? (column - n.heads * n.head_dim) % n.k_gains : column % n.q_gains;
  }
};

std::int64_t groups(const QkNorm& n) { return n.whole ? 2 : n.heads + n.kv_heads; }

template <class T>
void forward(const QkNorm& n, Arguments a, Queue&) {
  const T *qkv = a.in<T>(), *q_gain = a.in<T>(), *k_gain = a.in<T>();
  T *y = a.out<T>(), *raw = a.out<T>(), *inv_rms = a.out<T>();
  const std::int64_t all = (n.heads + 2 * n.kv_heads) * n.head_dim;
  const Gains gain{n};
  for (std::int64_t t = 0; t < n.tokens; ++t, qkv += all, y += all, raw += n.width(), inv_rms += groups(n)) {
    std::copy_n(qkv, n.width(), raw);
    std::copy_n(qkv + n.width(), all - n.width(), y + n.width());
    for_each_group(n, [&](const Group& g) {
      const double squares = dot(qkv + g.first, qkv + g.first, g.width);
      const double inverse = 1 / std::sqrt(squares / static_cast<double>(g.width) + kNormEpsilon);
      for (std::int64_t c = g.first; c < g.first + g.width; ++c)
        y[c] = static_cast<T>(qkv[c] * inverse * (g.of_keys ? k_gain : q_gain)[gain.of(g, c)]);
      inv_rms[g.index] = static_cast<T>(inverse);
    });
  }
}

/// As of RmsNorm, group by group.
template <class T>
void input_gradient(const QkNorm& n, Arguments a, Queue&) {
  const T *dy = a.in<T>(), *raw = a.in<T>(), *inv_rms = a.in<T>(), *q_gain = a.in<T>(), *k_gain = a.in<T>();
  T* dqkv = a.out<T>();
  const std::int64_t all = (n.heads + 2 * n.kv_heads) * n.head_dim;
  const Gains gain{n};
  for (std::int64_t t = 0; t < n.tokens;
       ++t, dy += all, dqkv += all, raw += n.width(), inv_rms += groups(n)) {
    std::copy_n(dy + n.width(), all - n.width(), dqkv + n.width());
    for_each_group(n, [&](const Group& g) {
      const T* const gains = g.of_keys ? k_gain : q_gain;
      const double inverse = inv_rms[g.index];
      double sum = 0;
      for (std::int64_t c = g.first; c < g.first + g.width; ++c)
        sum += static_cast<double>(dy[c]) * gains[gain.of(g, c)] * raw[c] * inverse;
      for (std::int64_t c = g.first; c < g.first + g.width; ++c)
        dqkv[c] = static_cast<T>(inverse * (static_cast<double>(dy[c]) * gains[gain.of(g, c)] -
                                            raw[c] * inverse * sum / static_cast<double>(g.width)));
    });
  }
}

template <class T>
void weight_gradient(const QkNorm& n, Arguments a, Queue&) {
  const T *dy = a.in<T>(), *raw = a.in<T>(), *inv_rms = a.in<T>();
  T *dq_gain = a.out<T>(), *dk_gain = a.out<T>();
  const std::int64_t all = (n.heads + 2 * n.kv_heads) * n.head_dim;
  const Gains gain{n};
  const auto sum_of = [&](bool of_keys, std::int64_t element) {
    double sum = 0;
    for (std::int64_t t = 0; t < n.tokens; ++t)
      for_each_group(n, [&](const Group& g) {
        for (std::int64_t c = g.first; c < g.first + g.width; ++c)
          if (g.of_keys == of_keys && gain.of(g, c) == element)
            sum += static_cast<double>(dy[t * all + c]) * raw[t * n.width() + c] *
                   inv_rms[t * groups(n) + g.index];
      });
    return sum;
  };
  for (std::int64_t i = 0; i < n.q_gains; ++i) deliver(*a.op, dq_gain[i], sum_of(false, i));
  for (std::int64_t i = 0; i < n.k_gains; ++i) deliver(*a.op, dk_gain[i], sum_of(true, i));
}

template <class T>
void cap(const ops::SoftCap& s, Arguments a, Queue&) {
  const T* x = a.in<T>();
  T* y = a.out<T>();
  for (std::int64_t i = 0; i < s.tokens * s.width; ++i)
    y[i] = static_cast<T>(kLogitCap * std::tanh(x[i] / kLogitCap));
}

template <class T>
void cap_gradient(const ops::SoftCap& s, Arguments a, Queue&) {
  const T *dy = a.in<T>(), *x = a.in<T>();
  T* dx = a.out<T>();
  for (std::int64_t i = 0; i < s.tokens * s.width; ++i) {
    const double t = std::tanh(x[i] / kLogitCap);
    dx[i] = static_cast<T>(dy[i] * (1 - t * t));
  }
}

constexpr OperatorKernels kRows[] = {
    {QkNorm::kName,
     {.forward = by_type<QkNorm, forward<float>, forward<double>>,
      .input_gradient = by_type<QkNorm, input_gradient<float>, input_gradient<double>>,
      .weight_gradient = by_type<QkNorm, weight_gradient<float>, weight_gradient<double>>}},
    {ops::SoftCap::kName,
     {.forward = by_type<ops::SoftCap, cap<float>, cap<double>>,
      .input_gradient = by_type<ops::SoftCap, cap_gradient<float>, cap_gradient<double>>}},
};

}  // namespace

constinit const KernelList kNormsOfQueries{kRows, std::size(kRows)};

}  // namespace ds::kernels::cpu::reference
