// Layer norm, lanes of a row at a time.
#include <cmath>
#include <iterator>

#include "kernels/cpu/rows.h"
#include "kernels/lists.h"

namespace ds::kernels::cpu::DS_INSTRUCTION_SET {
namespace {

/// Mean first, then squares of the differences: the shorter E[x^2] - mean^2 loses digits when the mean is
/// large.
template <class T>
void forward(const ops::LayerNorm& n, Arguments a, Queue& queue) {
  const T *x = a.in<T>(), *gain = a.in<T>(), *bias = a.in<T>();
  T *y = a.out<T>(), *mean = a.out<T>(), *inv_std = a.out<T>();
  const T count = static_cast<T>(n.hidden);
  for (std::int64_t t = 0; t < n.tokens; ++t, x += n.hidden, y += n.hidden) {
    const T m = sum_of<T>(n.hidden, [&](auto at) { return load(x, at); }) / count;
    const T variance = sum_of<T>(n.hidden,
                                 [&](auto at) {
                                   const Vector<T> d = load(x, at) - m;
                                   return d * d;
                                 }) /
                       count;
    const T inverse = static_cast<T>(1 / std::sqrt(static_cast<double>(variance) + kNormEpsilon));
    each_vector<T>(n.hidden, [&](auto at) {
      store(y, at, (load(x, at) - m) * inverse * load(gain, at) + load(bias, at));
    });
    mean[t] = m;
    inv_std[t] = inverse;
    queue.poll_now();
  }
}

/// With z = (x - mean) inv_std and g = dy gain: dx = inv_std (g - mean(g) - z mean(g z)).
template <class T>
void input_gradient(const ops::LayerNorm& n, Arguments a, Queue& queue) {
  const T *dy = a.in<T>(), *x = a.in<T>(), *mean = a.in<T>(), *inv_std = a.in<T>(), *gain = a.in<T>();
  const T* residual = n.residual ? a.in<T>() : nullptr;
  T* dx = a.out<T>();
  const T count = static_cast<T>(n.hidden);
  for (std::int64_t t = 0; t < n.tokens; ++t, dy += n.hidden, x += n.hidden, dx += n.hidden) {
    const T m = mean[t], inverse = inv_std[t];
    const auto g = [&](auto at) { return load(dy, at) * load(gain, at); };
    const auto z = [&](auto at) { return (load(x, at) - m) * inverse; };
    const T mean_g = sum_of<T>(n.hidden, g) / count;
    const T mean_gz = sum_of<T>(n.hidden, [&](auto at) { return g(at) * z(at); }) / count;
    const auto gradient = [&](auto at) { return inverse * (g(at) - mean_g - z(at) * mean_gz); };
    if (residual == nullptr) {
      each_vector<T>(n.hidden, [&](auto at) { store(dx, at, gradient(at)); });
    } else {
      each_vector<T>(n.hidden, [&](auto at) { store(dx, at, gradient(at) + load(residual, at)); });
      residual += n.hidden;
    }
    queue.poll_now();
  }
}

template <class T>
void weight_gradient(const ops::LayerNorm& n, Arguments a, Queue& queue) {
  const T *dy = a.in<T>(), *x = a.in<T>(), *mean = a.in<T>(), *inv_std = a.in<T>();
  T *dgain = a.out<T>(), *dbias = a.out<T>(), *sums = a.out<T>();
  T *gain_sums = sums, *bias_sums = sums + n.hidden;
  zero(sums, 2 * n.hidden);
  for (std::int64_t t = 0; t < n.tokens; ++t, dy += n.hidden, x += n.hidden) {
    const T m = mean[t], inverse = inv_std[t];
    each_vector<T>(n.hidden, [&](auto at) {
      const Vector<T> d = load(dy, at);
      store(gain_sums, at, load(gain_sums, at) + d * ((load(x, at) - m) * inverse));
      store(bias_sums, at, load(bias_sums, at) + d);
    });
    queue.poll_now();
  }
  deliver(*a.op, dgain, gain_sums, n.hidden);
  deliver(*a.op, dbias, bias_sums, n.hidden);
}

constexpr OperatorKernels kLayerNormRows[] = {
    {ops::LayerNorm::kName,
     {.forward = by_type<ops::LayerNorm, forward<float>, forward<double>>,
      .input_gradient = by_type<ops::LayerNorm, input_gradient<float>, input_gradient<double>>,
      .weight_gradient = by_type<ops::LayerNorm, weight_gradient<float>, weight_gradient<double>>}},
};

}  // namespace

constinit const KernelList kLayerNorm{kLayerNormRows, std::size(kLayerNormRows)};

}  // namespace ds::kernels::cpu::DS_INSTRUCTION_SET
