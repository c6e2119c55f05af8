// Layer norm, as plain loops.
#include <cmath>
#include <iterator>

#include "kernels/lists.h"
#include "kernels/reference/reference.h"

namespace ds::kernels::cpu::DS_INSTRUCTION_SET {
namespace {

template <class T>
double gain_of(const T* gain, std::int64_t h) {
  return gain != nullptr ? static_cast<double>(gain[h]) : 1.0;
}

template <class T>
void forward(const ops::LayerNorm& n, Arguments a, Queue&) {
  const T *x = a.in<T>(), *gain = n.gains ? a.in<T>() : nullptr, *bias = n.shifts ? a.in<T>() : nullptr;
  T *y = a.out<T>(), *mean = a.out<T>(), *inv_std = a.out<T>();
  for (std::int64_t t = 0; t < n.tokens; ++t, x += n.hidden, y += n.hidden) {
    double sum = 0, squares = 0;
    for (std::int64_t h = 0; h < n.hidden; ++h) sum += x[h];
    const double m = sum / static_cast<double>(n.hidden);
    for (std::int64_t h = 0; h < n.hidden; ++h) squares += (x[h] - m) * (x[h] - m);
    const double inverse = 1 / std::sqrt(squares / static_cast<double>(n.hidden) + kNormEpsilon);
    for (std::int64_t h = 0; h < n.hidden; ++h)
      y[h] = static_cast<T>((x[h] - m) * inverse * gain_of(gain, h) + (bias != nullptr ? bias[h] : T{0}));
    mean[t] = static_cast<T>(m);
    inv_std[t] = static_cast<T>(inverse);
  }
}

/// With z = (x - mean) inv_std and g = dy gain: dx = inv_std (g - mean(g) - z mean(g z)).
template <class T>
void input_gradient(const ops::LayerNorm& n, Arguments a, Queue&) {
  const T *dy = a.in<T>(), *x = a.in<T>(), *mean = a.in<T>(), *inv_std = a.in<T>();
  const T* gain = n.gains ? a.in<T>() : nullptr;
  const T* residual = n.residual ? a.in<T>() : nullptr;
  T* dx = a.out<T>();
  for (std::int64_t t = 0; t < n.tokens; ++t) {
    const std::int64_t row = t * n.hidden;
    const double m = mean[t], inverse = inv_std[t];
    double sum_g = 0, sum_gz = 0;
    for (std::int64_t h = 0; h < n.hidden; ++h) {
      const double g = static_cast<double>(dy[row + h]) * gain_of(gain, h);
      sum_g += g;
      sum_gz += g * (x[row + h] - m) * inverse;
    }
    for (std::int64_t h = 0; h < n.hidden; ++h) {
      const double g = static_cast<double>(dy[row + h]) * gain_of(gain, h), z = (x[row + h] - m) * inverse;
      const double d = inverse * (g - (sum_g + z * sum_gz) / static_cast<double>(n.hidden));
      dx[row + h] = static_cast<T>(residual != nullptr ? d + residual[row + h] : d);
    }
  }
}

template <class T>
void weight_gradient(const ops::LayerNorm& n, Arguments a, Queue&) {
  const T *dy = a.in<T>(), *x = a.in<T>(), *mean = a.in<T>(), *inv_std = a.in<T>();
  T *dgain = a.out<T>(), *dbias = n.shifts ? a.out<T>() : nullptr;
  for (std::int64_t h = 0; h < n.hidden; ++h) {
    double gain_sum = 0, bias_sum = 0;
    for (std::int64_t t = 0; t < n.tokens; ++t) {
      const double d = dy[t * n.hidden + h];
      gain_sum += d * (static_cast<double>(x[t * n.hidden + h]) - mean[t]) * inv_std[t];
      bias_sum += d;
    }
    deliver(*a.op, dgain[h], gain_sum);
    if (dbias != nullptr) deliver(*a.op, dbias[h], bias_sum);
  }
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
