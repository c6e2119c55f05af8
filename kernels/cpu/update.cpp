// What follows the last backward: norm, AdamW, and the sum of a tied tensor's two gradients. All bound by
// memory.
#include <cmath>
#include <iterator>
#include <type_traits>

#include "kernels/cpu/rows.h"
#include "kernels/lists.h"

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
[[gnu::always_inline]] inline Vector<double> widen(const T* row, Tail at) {
  Vector<double> v{};
  for (std::int64_t i = 0; i < at.count; ++i) v[i] = static_cast<double>(row[at.begin + i]);
  return v;
}

struct Squares {
  double sum{}, not_finite{};
};

template <class T>
Squares squares_of(const T* gradient, std::int64_t elements, Queue& queue) {
  Squares total;
  in_blocks(0, elements, queue, [&](std::int64_t begin, std::int64_t count) {
    const T* block = gradient + begin;
    const auto sum = sum_of<double>(count, [&](auto at) {
      const Vector<double> v = widen(block, at);
      return v * v;
    });
    total.sum += sum;
    if (std::isfinite(sum))
      return;  // squares of finite gradients of fp32 cannot overflow: only odd blocks are counted
    for (std::int64_t i = 0; i < count; ++i) total.not_finite += std::isfinite(block[i]) ? 0 : 1;
  });
  return total;
}

/// Elements that another rank counts are summed all the same and the result dropped: a step takes as long on every
/// rank, so one cost serves all. `volatile`, or the compiler would drop the work as well.
template <class T>
void norm(const ops::SquaredNorm& n, Arguments a, Queue& queue) {
  const T* gradient = a.in<T>();
  auto* sums = a.out<double>();
  const std::int64_t counted = n.counted < 0 ? n.elements : n.counted;
  const Squares squares = squares_of(gradient, counted, queue);
  const Squares others = squares_of(gradient + counted, n.elements - counted, queue);
  [[maybe_unused]] volatile double dropped = others.sum + others.not_finite;
  if (n.first) sums[0] = sums[1] = sums[2] = 0;
  sums[1] += squares.sum;
  sums[2] += squares.not_finite;
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
  const std::int64_t end = in_front_of(n.decayed, n.first, n.elements);
  in_blocks(0, end, queue, update(decayed));
  in_blocks(end, n.elements, queue, update(T{1}));
}

template <class T>
void sum(const ops::Accumulate& n, Arguments arguments, Queue& queue) {
  T* a = arguments.out<T>();
  const T* b = arguments.in<T>();
  in_blocks(0, n.elements, queue, [&](std::int64_t i, std::int64_t count) { add_row(a + i, b + i, count); });
}

constexpr OperatorKernels kUpdateRows[] = {
    {ops::SquaredNorm::kName, {.update = by_type<ops::SquaredNorm, norm<float>, norm<double>>}},
    {ops::AdamW::kName, {.update = by_type<ops::AdamW, adam<float>, adam<double>>}},
    {ops::Accumulate::kName, {.update = by_type<ops::Accumulate, sum<float>, sum<double>>}},
};

}  // namespace

constinit const KernelList kUpdate{kUpdateRows, std::size(kUpdateRows)};

}  // namespace ds::kernels::cpu::DS_INSTRUCTION_SET
