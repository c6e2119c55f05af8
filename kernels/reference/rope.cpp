// Rotary positions, as plain loops.

#include <iterator>

#include "kernels/lists.h"

namespace ds::kernels::cpu::DS_INSTRUCTION_SET {
namespace {

/// (a, b) -> (a cos - b sin, b cos + a sin); the gradient turns back, by the negative angle.
template <class T>
void rotate(const ops::Rope& r, Arguments a, double direction) {
  T* qkv = a.out<T>();
  const T* table = a.in<T>();
  const std::int64_t half = r.width() / 2, width = (r.heads + 2 * r.kv_heads) * r.head_dim;
  for (std::int64_t t = 0; t < r.tokens; ++t)
    for (std::int64_t head = 0; head < r.heads + r.kv_heads; ++head)  // v, the last kv_heads, stays
      for (std::int64_t i = 0; i < half; ++i) {
        T& first = qkv[t * width + head * r.head_dim + i];
        T& second = qkv[t * width + head * r.head_dim + i + half];
        const double cosine = table[t % r.sequence * r.width() + i];
        const double sine = direction * table[t % r.sequence * r.width() + i + half];
        const double x = first, y = second;
        first = static_cast<T>(x * cosine - y * sine);
        second = static_cast<T>(y * cosine + x * sine);
      }
}

template <class T>
void forward(const ops::Rope& r, Arguments a, Queue&) {
  rotate<T>(r, a, 1);
}
template <class T>
void input_gradient(const ops::Rope& r, Arguments a, Queue&) {
  rotate<T>(r, a, -1);
}

constexpr OperatorKernels kRopeRows[] = {
    {ops::Rope::kName,
     {.forward = by_type<ops::Rope, forward<float>, forward<double>>,
      .input_gradient = by_type<ops::Rope, input_gradient<float>, input_gradient<double>>}},
};

}  // namespace

constinit const KernelList kRope{kRopeRows, std::size(kRopeRows)};

}  // namespace ds::kernels::cpu::DS_INSTRUCTION_SET
