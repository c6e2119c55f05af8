// Linear layers and their bias, as plain loops.

#include <iterator>

#include "kernels/lists.h"
#include "kernels/reference/reference.h"

namespace ds::kernels::cpu::DS_INSTRUCTION_SET {
namespace {

template <class T>
void forward(const ops::Linear& n, Arguments a, Queue&) {
  const T *x = a.in<T>(), *weight = a.in<T>();
  const T* bias = n.bias ? a.in<T>() : nullptr;
  T* y = a.out<T>();
  for (std::int64_t t = 0; t < n.tokens; ++t)
    for (std::int64_t o = 0; o < n.outputs; ++o) {
      double sum = bias != nullptr ? static_cast<double>(bias[o]) : 0.0;
      for (std::int64_t i = 0; i < n.inputs; ++i)
        sum += static_cast<double>(x[t * n.inputs + i]) * weight[o * n.inputs + i];
      y[t * n.outputs + o] = static_cast<T>(sum);
    }
}

template <class T>
void input_gradient(const ops::Linear& n, Arguments a, Queue&) {
  const T *dy = a.in<T>(), *weight = a.in<T>();
  T* dx = a.out<T>();
  for (std::int64_t t = 0; t < n.tokens; ++t)
    for (std::int64_t i = 0; i < n.inputs; ++i) {
      double sum = 0;
      for (std::int64_t o = 0; o < n.outputs; ++o)
        sum += static_cast<double>(dy[t * n.outputs + o]) * weight[o * n.inputs + i];
      dx[t * n.inputs + i] = static_cast<T>(sum);
    }
}

template <class T>
void weight_gradient(const ops::Linear& n, Arguments a, Queue&) {
  const T *dy = a.in<T>(), *x = a.in<T>();
  T* dweight = a.out<T>();
  T* dbias = n.bias ? a.out<T>() : nullptr;
  for (std::int64_t o = 0; o < n.outputs; ++o) {
    for (std::int64_t i = 0; i < n.inputs; ++i) {
      double sum = 0;
      for (std::int64_t t = 0; t < n.tokens; ++t)
        sum += static_cast<double>(dy[t * n.outputs + o]) * x[t * n.inputs + i];
      deliver(*a.op, dweight[o * n.inputs + i], sum);
    }
    if (dbias == nullptr) continue;
    double sum = 0;
    for (std::int64_t t = 0; t < n.tokens; ++t) sum += dy[t * n.outputs + o];
    deliver(*a.op, dbias[o], sum);
  }
}

template <class T>
void add_bias(const ops::Bias& b, Arguments a, Queue&) {
  T* x = a.out<T>();
  const T* bias = a.in<T>();
  for (std::int64_t t = 0; t < b.tokens; ++t)
    for (std::int64_t i = 0; i < b.width; ++i) x[t * b.width + i] += bias[i];
}

template <class T>
void bias_gradient(const ops::Bias& b, Arguments a, Queue&) {
  const T* dx = a.in<T>();
  T* dbias = a.out<T>();
  for (std::int64_t i = 0; i < b.width; ++i) {
    double sum = 0;
    for (std::int64_t t = 0; t < b.tokens; ++t) sum += dx[t * b.width + i];
    deliver(*a.op, dbias[i], sum);
  }
}

constexpr OperatorKernels kLinearRows[] = {
    {ops::Linear::kName,
     {.forward = by_type<ops::Linear, forward<float>, forward<double>>,
      .input_gradient = by_type<ops::Linear, input_gradient<float>, input_gradient<double>>,
      .weight_gradient = by_type<ops::Linear, weight_gradient<float>, weight_gradient<double>>}},
    {ops::Bias::kName,
     {.forward = by_type<ops::Bias, add_bias<float>, add_bias<double>>,
      .weight_gradient = by_type<ops::Bias, bias_gradient<float>, bias_gradient<double>>}},
};

}  // namespace

constinit const KernelList kLinear{kLinearRows, std::size(kLinearRows)};

}  // namespace ds::kernels::cpu::DS_INSTRUCTION_SET
