// Rotary positions: a rotation forward, its inverse for the gradient.
#include <iterator>

#include "kernels/cpu/rows.h"
#include "kernels/lists.h"

namespace ds::kernels::cpu::DS_INSTRUCTION_SET {
namespace {

/// (a, b) -> (a cos - b sin, b cos + a sin); the gradient turns back, by the negative angle.
template <class T>
void rotate(const ops::Rope& r, Arguments a, Queue& queue, T direction) {
  T* row = a.out<T>();
  const T* table = a.in<T>();
  const std::int64_t half = r.head_dim / 2;
  for (std::int64_t t = 0; t < r.tokens; ++t, row += (r.heads + 2 * r.kv_heads) * r.head_dim) {
    const T *cosine = table + t % r.sequence * r.head_dim, *sine = cosine + half;
    for (std::int64_t head = 0; head < r.heads + r.kv_heads; ++head) {  // v, the last kv_heads, stays
      T *first = row + head * r.head_dim, *second = first + half;
      each_vector<T>(half, [&](auto at) {
        const Vector<T> x = load(first, at), y = load(second, at);
        const Vector<T> c = load(cosine, at), s = load(sine, at) * direction;
        store(first, at, x * c - y * s);
        store(second, at, y * c + x * s);
      });
    }
    queue.poll_now();
  }
}

template <class T>
void forward(const ops::Rope& r, Arguments a, Queue& queue) {
  rotate<T>(r, a, queue, T{1});
}
template <class T>
void input_gradient(const ops::Rope& r, Arguments a, Queue& queue) {
  rotate<T>(r, a, queue, T{-1});
}

constexpr OperatorKernels kRopeRows[] = {
    {ops::Rope::kName,
     {.forward = by_type<ops::Rope, forward<float>, forward<double>>,
      .input_gradient = by_type<ops::Rope, input_gradient<float>, input_gradient<double>>}},
};

}  // namespace

constinit const KernelList kRope{kRopeRows, std::size(kRopeRows)};

}  // namespace ds::kernels::cpu::DS_INSTRUCTION_SET
