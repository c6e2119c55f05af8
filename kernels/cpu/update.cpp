// What follows the last backward: norm, AdamW, and the sum of a tied tensor's two gradients. All bound by
// memory.
#include <cmath>
#include <type_traits>

#include "kernels/cpu/declarations.h"
#include "kernels/cpu/rows.h"

namespace ds::kernels::cpu::DS_INSTRUCTION_SET {
namespace {

constexpr std::int64_t kBlock = 1 << 16;  // elements between two polls

/// Calls body(begin, elements) block by block.
template <class Body>
void in_blocks(std::int64_t begin, std::int64_t end, Queue& queue, Body body) {
  for (; begin < end; begin += kBlock) {
    body(begin, end - begin < kBlock ? end - begin : kBlock);
    queue.poll_now();
  }
}

/// Four elements as doubles: the norm is summed in fp64 whatever the type. One stream of reads alone does not
/// keep memory busy, so lines are asked for some way ahead (beyond the end is harmless).
constexpr std::int64_t kAhead = 2048;  // bytes
using Four [[gnu::vector_size(16)]] = float;

template <class T>
[[gnu::always_inline]] inline Vector<double> widen(const T* row, Whole at) {
  __builtin_prefetch(reinterpret_cast<const char*>(row + at.begin) + kAhead);
  std::conditional_t<sizeof(T) == 4, Four, Vector<double>> v;
  std::memcpy(&v, row + at.begin, sizeof v);
  return __builtin_convertvector(v, Vector<double>);
}
template <class T>
[[gnu::always_inline]] inline Vector<double> widen(const T* row, Part at) {
  Vector<double> v{};
  for (std::int64_t i = 0; i < at.count; ++i) v[i] = static_cast<double>(row[at.begin + i]);
  return v;
}

template <class T>
void norm(const ops::SquaredNorm& n, Arguments a, Queue& queue) {
  const T* gradient = a.in<T>();
  auto* sums = a.out<double>();
  double squares = 0, not_finite = 0;
  in_blocks(0, n.elements, queue, [&](std::int64_t begin, std::int64_t count) {
    const T* block = gradient + begin;
    const auto sum = sum_of<double>(count, [&](auto at) {
      const Vector<double> v = widen(block, at);
      return v * v;
    });
    squares += sum;
    if (std::isfinite(sum))
      return;  // squares of finite gradients of fp32 cannot overflow: only odd blocks are counted
    for (std::int64_t i = 0; i < count; ++i) not_finite += std::isfinite(block[i]) ? 0 : 1;
  });
  sums[0] = n.first ? squares : sums[0] + squares;
  sums[1] = n.first ? not_finite : sums[1] + not_finite;
}

/// Bias corrections are folded into two factors, so that an element costs one division and one root:
/// w -= rate / (1 - beta1^step) * m / (sqrt(v) / sqrt(1 - beta2^step) + epsilon), after decaying by 1 - rate
/// * decay.
template <class T>
struct AdamWStep {
  T factor, beta1, rest1, beta2, rest2, rate, inv_root, epsilon;

  AdamWStep(const ops::AdamW& n, const double* control, const double* scalars)
      : factor(static_cast<T>(scalars[2])),
        beta1(static_cast<T>(n.beta1)),
        rest1(static_cast<T>(1 - n.beta1)),
        beta2(static_cast<T>(n.beta2)),
        rest2(static_cast<T>(1 - n.beta2)),
        rate(static_cast<T>(control[0] / (1 - std::pow(n.beta1, control[1])))),
        inv_root(static_cast<T>(1 / std::sqrt(1 - std::pow(n.beta2, control[1])))),
        epsilon(static_cast<T>(n.epsilon)) {}

  void operator()(const T* gradient, T* weight, T* first, T* second, std::int64_t count, T kept) const {
    each_vector<T>(count, [&](auto at) {
      const Vector<T> g = load(gradient, at) * factor;
      const Vector<T> m = load(first, at) * beta1 + g * rest1;
      const Vector<T> v = load(second, at) * beta2 + g * g * rest2;
      const Vector<T> step = m * rate / (square_root(v) * inv_root + epsilon);
      store(weight, at, load(weight, at) * kept - step);
      store(first, at, m);
      store(second, at, v);
    });
  }
};

template <class T>
void adam(const ops::AdamW& n, Arguments a, Queue& queue) {
  const auto *control = a.in<double>(), *scalars = a.in<double>();
  const T* gradient = a.in<T>();
  T *weight = a.out<T>(), *first = a.out<T>(), *second = a.out<T>();
  const AdamWStep<T> step(n, control, scalars);
  const T decayed = static_cast<T>(1 - control[0] * n.weight_decay);
  const auto update = [&](T kept) {
    return [=](std::int64_t i, std::int64_t count) {
      step(gradient + i, weight + i, first + i, second + i, count, kept);
    };
  };
  in_blocks(0, n.decayed, queue, update(decayed));
  in_blocks(n.decayed, n.elements, queue, update(T{1}));
}

template <class T>
void sum(const ops::Accumulate& n, Arguments arguments, Queue& queue) {
  T* a = arguments.out<T>();
  const T* b = arguments.in<T>();
  in_blocks(0, n.elements, queue, [&](std::int64_t i, std::int64_t count) { add_row(a + i, b + i, count); });
}

}  // namespace

void squared_norm(const Op& op, Addresses operands, Queue& queue) {
  by_type<ops::SquaredNorm>(op, operands, queue, norm<float>, norm<double>);
}
void adamw(const Op& op, Addresses operands, Queue& queue) {
  by_type<ops::AdamW>(op, operands, queue, adam<float>, adam<double>);
}
void accumulate(const Op& op, Addresses operands, Queue& queue) {
  by_type<ops::Accumulate>(op, operands, queue, sum<float>, sum<double>);
}

}  // namespace ds::kernels::cpu::DS_INSTRUCTION_SET
