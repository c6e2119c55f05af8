// Gelu, SwiGlu and the residual add: element by element, in rows so that communication can progress between
// them.
#include <iterator>

#include "kernels/cpu/exp.h"
#include "kernels/cpu/rows.h"
#include "kernels/lists.h"

namespace ds::kernels::cpu::DS_INSTRUCTION_SET {
namespace {

// 0.5 (1 + tanh(u)) is sigmoid(2 u): one exp, and no cancellation where tanh is near -1.

template <class T>
void gelu(const ops::Gelu& g, Arguments a, Queue& queue) {
  constexpr T kOne = static_cast<T>(2 * kGeluScale), kThree = static_cast<T>(2 * kGeluScale * kGeluCube);
  const T* x = a.in<T>();
  T* y = a.out<T>();
  for (std::int64_t t = 0; t < g.tokens; ++t, x += g.width, y += g.width) {
    each_vector<T>(g.width, [&](auto at) {
      const Vector<T> v = load(x, at);
      store(y, at, v * sigmoid<T>(v * multiply_add(v * v, broadcast<T>(kThree), broadcast<T>(kOne))));
    });
    queue.poll_now();
  }
}

/// With s = sigmoid(2 u): d(x s)/dx = s + x s (1 - s) 2 u'.
template <class T>
void gelu_gradient(const ops::Gelu& g, Arguments a, Queue& queue) {
  constexpr T kOne = static_cast<T>(2 * kGeluScale), kThree = static_cast<T>(2 * kGeluScale * kGeluCube);
  const T *dy = a.in<T>(), *x = a.in<T>();
  T* dx = a.out<T>();
  for (std::int64_t t = 0; t < g.tokens; ++t, dy += g.width, x += g.width, dx += g.width) {
    each_vector<T>(g.width, [&](auto at) {
      const Vector<T> v = load(x, at), square = v * v;
      const Vector<T> s = sigmoid<T>(v * multiply_add(square, broadcast<T>(kThree), broadcast<T>(kOne)));
      const Vector<T> slope_u = multiply_add(square, broadcast<T>(3 * kThree), broadcast<T>(kOne));
      store(dx, at, load(dy, at) * multiply_add(v * slope_u, s * (T{1} - s), s));
    });
    queue.poll_now();
  }
}

template <class T>
void swiglu(const ops::SwiGlu& g, Arguments a, Queue& queue) {
  const T* gate = a.in<T>();
  T* y = a.out<T>();
  for (std::int64_t t = 0; t < g.tokens; ++t, gate += 2 * g.width, y += g.width) {
    const T* up = gate + g.width;
    each_vector<T>(g.width, [&](auto at) {
      const Vector<T> v = load(gate, at);
      store(y, at, v * sigmoid<T>(v) * load(up, at));
    });
    queue.poll_now();
  }
}

template <class T>
void swiglu_gradient(const ops::SwiGlu& g, Arguments a, Queue& queue) {
  const T *dy = a.in<T>(), *gate = a.in<T>();
  T* d_gate = a.out<T>();
  for (std::int64_t t = 0; t < g.tokens; ++t, dy += g.width, gate += 2 * g.width, d_gate += 2 * g.width) {
    const T* up = gate + g.width;
    T* d_up = d_gate + g.width;
    each_vector<T>(g.width, [&](auto at) {
      const Vector<T> v = load(gate, at), d = load(dy, at), s = sigmoid<T>(v);
      store(d_gate, at, d * load(up, at) * s * (T{1} + v * (T{1} - s)));
      store(d_up, at, d * v * s);
    });
    queue.poll_now();
  }
}

template <class T>
void add(const ops::Add& n, Arguments a, Queue& queue) {
  const T *left = a.in<T>(), *right = a.in<T>();
  T* y = a.out<T>();
  for (std::int64_t t = 0; t < n.tokens; ++t, left += n.width, right += n.width, y += n.width) {
    each_vector<T>(n.width, [&](auto at) { store(y, at, load(left, at) + load(right, at)); });
    queue.poll_now();
  }
}

constexpr OperatorKernels kActivationsRows[] = {
    {ops::Gelu::kName,
     {.forward = by_type<ops::Gelu, gelu<float>, gelu<double>>,
      .input_gradient = by_type<ops::Gelu, gelu_gradient<float>, gelu_gradient<double>>}},
    {ops::SwiGlu::kName,
     {.forward = by_type<ops::SwiGlu, swiglu<float>, swiglu<double>>,
      .input_gradient = by_type<ops::SwiGlu, swiglu_gradient<float>, swiglu_gradient<double>>}},
    {ops::Add::kName, {.forward = by_type<ops::Add, add<float>, add<double>>}},
};

}  // namespace

constinit const KernelList kActivations{kActivationsRows, std::size(kActivationsRows)};

}  // namespace ds::kernels::cpu::DS_INSTRUCTION_SET
