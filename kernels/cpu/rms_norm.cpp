// RMS norm, lanes of a row at a time.
#include <cmath>
#include <iterator>

#include "kernels/cpu/rows.h"
#include "kernels/lists.h"

namespace ds::kernels::cpu::DS_INSTRUCTION_SET {
namespace {

template <class T>
void forward(const ops::RmsNorm& n, Arguments a, Queue& queue) {
  const T *x = a.in<T>(), *gain = a.in<T>();
  T *y = a.out<T>(), *inv_rms = a.out<T>();
  for (std::int64_t t = 0; t < n.tokens; ++t, x += n.hidden, y += n.hidden) {
    const T squares = sum_of<T>(n.hidden, [&](auto at) { return load(x, at) * load(x, at); });
    const double mean = static_cast<double>(squares) / static_cast<double>(n.hidden);
    const T inverse = static_cast<T>(1 / std::sqrt(mean + kNormEpsilon));
    each_vector<T>(n.hidden, [&](auto at) { store(y, at, load(x, at) * inverse * load(gain, at)); });
    inv_rms[t] = inverse;
    queue.poll_now();
  }
}

/// With z = x inv_rms and g = dy gain: dx = inv_rms (g - z mean(g z)).
template <class T>
void input_gradient(const ops::RmsNorm& n, Arguments a, Queue& queue) {
  const T *dy = a.in<T>(), *x = a.in<T>(), *inv_rms = a.in<T>(), *gain = a.in<T>();
  const T* residual = n.residual ? a.in<T>() : nullptr;
  T* dx = a.out<T>();
  for (std::int64_t t = 0; t < n.tokens; ++t, dy += n.hidden, x += n.hidden, dx += n.hidden) {
    const T inverse = inv_rms[t];
    const auto g = [&](auto at) { return load(dy, at) * load(gain, at); };
    const auto z = [&](auto at) { return load(x, at) * inverse; };
    const T mean_gz = sum_of<T>(n.hidden, [&](auto at) { return g(at) * z(at); }) / static_cast<T>(n.hidden);
    const auto gradient = [&](auto at) { return inverse * (g(at) - z(at) * mean_gz); };
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
void weight_gradient(const ops::RmsNorm& n, Arguments a, Queue& queue) {
  const T *dy = a.in<T>(), *x = a.in<T>(), *inv_rms = a.in<T>();
  T *dgain = a.out<T>(), *sums = a.out<T>();
  zero(sums, n.hidden);
  for (std::int64_t t = 0; t < n.tokens; ++t, dy += n.hidden, x += n.hidden) {
    const T inverse = inv_rms[t];
    each_vector<T>(
        n.hidden, [&](auto at) { store(sums, at, load(sums, at) + load(dy, at) * (load(x, at) * inverse)); });
    queue.poll_now();
  }
  deliver(*a.op, dgain, sums, n.hidden);
}

constexpr OperatorKernels kRmsNormRows[] = {
    {ops::RmsNorm::kName,
     {.forward = by_type<ops::RmsNorm, forward<float>, forward<double>>,
      .input_gradient = by_type<ops::RmsNorm, input_gradient<float>, input_gradient<double>>,
      .weight_gradient = by_type<ops::RmsNorm, weight_gradient<float>, weight_gradient<double>>}},
};

}  // namespace

constinit const KernelList kRmsNorm{kRmsNormRows, std::size(kRmsNormRows)};

}  // namespace ds::kernels::cpu::DS_INSTRUCTION_SET
