// RMS norm, as plain loops.
#include <cmath>
#include <iterator>

#include "kernels/lists.h"
#include "kernels/reference/reference.h"

namespace ds::kernels::cpu::DS_INSTRUCTION_SET {
namespace {

template <class T>
void forward(const ops::RmsNorm& n, Arguments a, Queue&) {
  const T *x = a.in<T>(), *gain = a.in<T>();
  T *y = a.out<T>(), *inv_rms = a.out<T>();
  for (std::int64_t t = 0; t < n.tokens; ++t, x += n.hidden, y += n.hidden) {
    double squares = 0;
    for (std::int64_t h = 0; h < n.hidden; ++h) squares += static_cast<double>(x[h]) * x[h];
    const double inverse = 1 / std::sqrt(squares / static_cast<double>(n.hidden) + kNormEpsilon);
    for (std::int64_t h = 0; h < n.hidden; ++h) y[h] = static_cast<T>(x[h] * inverse * gain[h]);
    inv_rms[t] = static_cast<T>(inverse);
  }
}

/// With z = x inv_rms and g = dy gain: dx = inv_rms (g - z mean(g z)).
template <class T>
void input_gradient(const ops::RmsNorm& n, Arguments a, Queue&) {
  const T *dy = a.in<T>(), *x = a.in<T>(), *inv_rms = a.in<T>(), *gain = a.in<T>();
  const T* residual = n.residual ? a.in<T>() : nullptr;
  T* dx = a.out<T>();
  for (std::int64_t t = 0; t < n.tokens; ++t) {
    const std::int64_t row = t * n.hidden;
    const double inverse = inv_rms[t];
    double sum = 0;
    for (std::int64_t h = 0; h < n.hidden; ++h)
      sum += static_cast<double>(dy[row + h]) * gain[h] * x[row + h] * inverse;
    for (std::int64_t h = 0; h < n.hidden; ++h) {
      const double g = static_cast<double>(dy[row + h]) * gain[h];
      const double d = inverse * (g - x[row + h] * inverse * sum / static_cast<double>(n.hidden));
      dx[row + h] = static_cast<T>(residual != nullptr ? d + residual[row + h] : d);
    }
  }
}

template <class T>
void weight_gradient(const ops::RmsNorm& n, Arguments a, Queue&) {
  const T *dy = a.in<T>(), *x = a.in<T>(), *inv_rms = a.in<T>();
  T* dgain = a.out<T>();
  for (std::int64_t h = 0; h < n.hidden; ++h) {
    double sum = 0;
    for (std::int64_t t = 0; t < n.tokens; ++t)
      sum += static_cast<double>(dy[t * n.hidden + h]) * x[t * n.hidden + h] * inv_rms[t];
    deliver(*a.op, dgain[h], sum);
  }
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
