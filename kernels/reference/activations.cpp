// Gelu, SwiGlu and the residual add: element by element.
#include <cmath>
#include <iterator>

#include "kernels/lists.h"
#include "kernels/reference/reference.h"

namespace ds::kernels::cpu::DS_INSTRUCTION_SET {
namespace {

template <class T>
void gelu(const ops::Gelu& g, Arguments a, Queue&) {
  const T *x = a.in<T>(), *factors = g.weighted ? a.in<T>() : nullptr;
  T* y = a.out<T>();
  for (std::int64_t i = 0; i < g.tokens * g.width; ++i) {
    const double v = x[i], factor = g.weighted ? factors[i / g.width] : 1;
    y[i] = static_cast<T>(factor * 0.5 * v * (1 + std::tanh(kGeluScale * (v + kGeluCube * v * v * v))));
  }
}

template <class T>
void gelu_gradient(const ops::Gelu& g, Arguments a, Queue&) {
  const T *dy = a.in<T>(), *x = a.in<T>(), *factors = g.weighted ? a.in<T>() : nullptr;
  T *dx = a.out<T>(), *dfactors = g.weighted ? a.out<T>() : nullptr;
  for (std::int64_t row = 0; row < g.tokens; ++row) {
    double of_factor = 0;
    for (std::int64_t i = row * g.width; i < (row + 1) * g.width; ++i) {
      const double v = x[i], t = std::tanh(kGeluScale * (v + kGeluCube * v * v * v));
      const double slope = 0.5 * (1 + t) + 0.5 * v * (1 - t * t) * kGeluScale * (1 + 3 * kGeluCube * v * v);
      dx[i] = static_cast<T>(dy[i] * slope * (g.weighted ? factors[row] : 1));
      of_factor += dy[i] * 0.5 * v * (1 + t);
    }
    if (g.weighted) dfactors[row] = static_cast<T>(of_factor);
  }
}

template <class T>
void swiglu(const ops::SwiGlu& g, Arguments a, Queue&) {
  const T *x = a.in<T>(), *factors = g.weighted ? a.in<T>() : nullptr;
  T* y = a.out<T>();
  for (std::int64_t t = 0; t < g.tokens; ++t)
    for (std::int64_t i = 0; i < g.width; ++i) {
      const double gate = x[2 * t * g.width + i], up = x[(2 * t + 1) * g.width + i];
      y[t * g.width + i] = static_cast<T>(gate * sigmoid(gate) * up * (g.weighted ? factors[t] : 1));
    }
}

template <class T>
void swiglu_gradient(const ops::SwiGlu& g, Arguments a, Queue&) {
  const T *dy = a.in<T>(), *x = a.in<T>(), *factors = g.weighted ? a.in<T>() : nullptr;
  T *dx = a.out<T>(), *dfactors = g.weighted ? a.out<T>() : nullptr;
  for (std::int64_t t = 0; t < g.tokens; ++t) {
    double of_factor = 0;
    for (std::int64_t i = 0; i < g.width; ++i) {
      const double gate = x[2 * t * g.width + i], up = x[(2 * t + 1) * g.width + i];
      const double s = sigmoid(gate), d = dy[t * g.width + i] * (g.weighted ? factors[t] : 1.0);
      dx[2 * t * g.width + i] = static_cast<T>(d * up * s * (1 + gate * (1 - s)));
      dx[(2 * t + 1) * g.width + i] = static_cast<T>(d * gate * s);
      of_factor += dy[t * g.width + i] * gate * s * up;
    }
    if (g.weighted) dfactors[t] = static_cast<T>(of_factor);
  }
}

template <class T>
void add(const ops::Add& n, Arguments a, Queue&) {
  const T *left = a.in<T>(), *right = a.in<T>();
  T* y = a.out<T>();
  for (std::int64_t i = 0; i < n.tokens * n.width; ++i) y[i] = left[i] + right[i];
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
