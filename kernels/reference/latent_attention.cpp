// Queries, keys and values of latent attention put together, as plain loops.
#include <algorithm>
#include <cmath>
#include <iterator>

#include "kernels/lists.h"
#include "kernels/reference/reference.h"

namespace ds::kernels::cpu::reference {
namespace {

constexpr double kBase = 10000;  // of angles (Su et al. 2021, section 3.2.2)

/// The part that is rotated, element i with element i + half; `direction` -1 turns back.
template <class T>
void rotate(const ops::JoinHeads& j, std::int64_t token, const T* from, T* to, double direction) {
  const std::int64_t half = j.rope / 2;
  for (std::int64_t i = 0; i < half; ++i) {
    const double turns = static_cast<double>(j.place(token)) *
                         std::pow(kBase, -2 * static_cast<double>(i) / static_cast<double>(j.rope));
    const double angle = j.rotates ? turns : 0, cosine = std::cos(angle), sine = direction * std::sin(angle);
    const double x = from[i], y = from[i + half];
    to[i] = static_cast<T>(x * cosine - y * sine);
    to[i + half] = static_cast<T>(y * cosine + x * sine);
  }
}

/// Where a head's part of a token stands.
struct Places {
  const ops::JoinHeads& j;
  std::int64_t key() const { return j.nope + j.rope; }
  std::int64_t q(std::int64_t t, std::int64_t head) const { return (t * j.heads + head) * key(); }
  std::int64_t kv(std::int64_t t, std::int64_t head) const { return (t * j.heads + head) * (j.nope + j.v); }
  std::int64_t row(std::int64_t t) const { return t * j.heads * (2 * key() + j.v); }
  std::int64_t all_q(std::int64_t t, std::int64_t head) const { return row(t) + head * key(); }
  std::int64_t all_k(std::int64_t t, std::int64_t head) const { return row(t) + (j.heads + head) * key(); }
  std::int64_t all_v(std::int64_t t, std::int64_t head) const {
    return row(t) + 2 * j.heads * key() + head * j.v;
  }
};

template <class T>
void join(const ops::JoinHeads& j, Arguments a, Queue&) {
  const T *q = a.in<T>(), *kv = a.in<T>(), *shared = a.in<T>();
  T* all = a.out<T>();
  const Places at{j};
  for (std::int64_t t = 0; t < j.tokens; ++t)
    for (std::int64_t head = 0; head < j.heads; ++head) {
      std::copy_n(q + at.q(t, head), j.nope, all + at.all_q(t, head));
      rotate(j, t, q + at.q(t, head) + j.nope, all + at.all_q(t, head) + j.nope, 1);
      std::copy_n(kv + at.kv(t, head), j.nope, all + at.all_k(t, head));
      rotate(j, t, shared + t * j.rope, all + at.all_k(t, head) + j.nope, 1);
      std::copy_n(kv + at.kv(t, head) + j.nope, j.v, all + at.all_v(t, head));
    }
}

/// The key's rotated part has the sum over heads.
template <class T>
void join_gradient(const ops::JoinHeads& j, Arguments a, Queue&) {
  const T* d_all = a.in<T>();
  T *dq = a.out<T>(), *dkv = a.out<T>(), *d_shared = a.out<T>();
  const Places at{j};
  for (std::int64_t t = 0; t < j.tokens; ++t) {
    T* const sum = d_shared + t * j.rope;
    for (std::int64_t i = 0; i < j.rope; ++i) {
      double heads = 0;
      for (std::int64_t head = 0; head < j.heads; ++head) heads += d_all[at.all_k(t, head) + j.nope + i];
      sum[i] = static_cast<T>(heads);
    }
    rotate(j, t, sum, sum, -1);
    for (std::int64_t head = 0; head < j.heads; ++head) {
      std::copy_n(d_all + at.all_q(t, head), j.nope, dq + at.q(t, head));
      rotate(j, t, d_all + at.all_q(t, head) + j.nope, dq + at.q(t, head) + j.nope, -1);
      std::copy_n(d_all + at.all_k(t, head), j.nope, dkv + at.kv(t, head));
      std::copy_n(d_all + at.all_v(t, head), j.v, dkv + at.kv(t, head) + j.nope);
    }
  }
}

constexpr OperatorKernels kRows[] = {
    {ops::JoinHeads::kName,
     {.forward = by_type<ops::JoinHeads, join<float>, join<double>>,
      .input_gradient = by_type<ops::JoinHeads, join_gradient<float>, join_gradient<double>>}},
};

}  // namespace

constinit const KernelList kLatentAttention{kRows, std::size(kRows)};

}  // namespace ds::kernels::cpu::reference
