// Attention as textbooks have it: the whole score matrix, kept as probabilities for the backward pass.
#include <cmath>
#include <iterator>

#include "kernels/cpu/attention_tile.h"
#include "kernels/cpu/blas.h"
#include "kernels/cpu/rows.h"
#include "kernels/lists.h"

namespace ds::kernels::cpu::DS_INSTRUCTION_SET {
namespace {

/// Softmax of the first t + 1 scores of row t; the others, of keys that come later, become zero.
template <class T>
void causal_softmax(T* row, std::int64_t t, std::int64_t sequence) {
  const T top = max_of(row, t + 1);
  const T sum = sum_of<T>(t + 1, [&](auto at) {
    const Vector<T> e = exp<T>(load(row, at) - top);
    store(row, at, e);
    return e;
  });
  const T inverse = T{1} / sum;
  each_vector<T>(t + 1, [&](auto at) { store(row, at, load(row, at) * inverse); });
  zero(row + t + 1, sequence - t - 1);
}

template <class T>
void forward(const ops::Attention& n, Arguments a, Queue& queue) {
  const T* qkv = a.in<T>();
  T *o = a.out<T>(), *p = a.out<T>();
  const T scale = static_cast<T>(1 / std::sqrt(static_cast<double>(n.head_dim)));
  const std::int64_t s = n.sequence, o_row = n.heads * n.head_dim;
  for (std::int64_t b = 0; b < n.batch; ++b)
    for (std::int64_t head = 0; head < n.heads; ++head, p += s * s) {
      const HeadRows<const T> in = head_rows(n, qkv, b, head);
      multiply(s, s, n.head_dim, scale, Factor<T>{in.q, in.row}, Factor<T>{in.k, in.row, true}, T{0}, p, s);
      for (std::int64_t t = 0; t < s; ++t) causal_softmax(p + t * s, t, s);
      multiply(s, n.head_dim, s, T{1}, Factor<T>{p, s}, Factor<T>{in.v, in.row}, T{0},
               o + b * s * o_row + head * n.head_dim, o_row);
      queue.poll_now();
    }
}

/// dp = d_out v^T; ds = p (dp - sum of p dp), zero where p is.
template <class T>
void input_gradient(const ops::Attention& n, Arguments a, Queue& queue) {
  const T *d_out = a.in<T>(), *qkv = a.in<T>(), *p = a.in<T>();
  T *dqkv = a.out<T>(), *d_scores = a.out<T>();
  const T scale = static_cast<T>(1 / std::sqrt(static_cast<double>(n.head_dim)));
  const std::int64_t s = n.sequence, width = n.head_dim, o_row = n.heads * n.head_dim;
  for (std::int64_t b = 0; b < n.batch; ++b)
    for (std::int64_t head = 0; head < n.heads; ++head, p += s * s) {
      const HeadRows<const T> in = head_rows(n, qkv, b, head);
      const HeadRows<T> out = head_rows(n, dqkv, b, head);
      const Factor<T> d_rows{d_out + b * s * o_row + head * width, o_row};
      const T shared =
          head % (n.heads / n.kv_heads) == 0 ? T{0} : T{1};  // later heads of a group add to dk and dv
      multiply(s, width, s, T{1}, Factor<T>{p, s, true}, d_rows, shared, out.v, out.row);
      multiply(s, s, width, T{1}, d_rows, Factor<T>{in.v, in.row, true}, T{0}, d_scores, s);
      for (std::int64_t t = 0; t < s; ++t) {
        const T* row = p + t * s;
        T* d_row = d_scores + t * s;
        const T delta = sum_of<T>(t + 1, [&](auto at) { return load(row, at) * load(d_row, at); });
        each_vector<T>(t + 1,
                       [&](auto at) { store(d_row, at, load(row, at) * (load(d_row, at) - delta) * scale); });
        zero(d_row + t + 1, s - t - 1);
      }
      multiply(s, width, s, T{1}, Factor<T>{d_scores, s}, Factor<T>{in.k, in.row}, T{0}, out.q, out.row);
      multiply(s, width, s, T{1}, Factor<T>{d_scores, s, true}, Factor<T>{in.q, in.row}, shared, out.k,
               out.row);
      queue.poll_now();
    }
}

constexpr OperatorKernels kUnfusedAttentionRows[] = {
    {ops::Attention::kUnfusedName,
     {.forward = by_type<ops::Attention, forward<float>, forward<double>>,
      .input_gradient = by_type<ops::Attention, input_gradient<float>, input_gradient<double>>}},
};

}  // namespace

constinit const KernelList kUnfusedAttention{kUnfusedAttentionRows, std::size(kUnfusedAttentionRows)};

}  // namespace ds::kernels::cpu::DS_INSTRUCTION_SET
